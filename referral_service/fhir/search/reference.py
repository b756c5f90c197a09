"""References as "Type/id": what is compared, indexed and searched, whatever server wrote it."""

import re

_FORM = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.\-]*://\S+/|(?:[^A-Z/\s][^/\s]*/|/)+)?([A-Z][A-Za-z]*/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?\Z"
)


def local(reference: object) -> str | None:
    """The "Type/id" of a relative or an absolute literal reference, its version left out; None for any other.

    One with anything before that, such as an address, is taken by its last two segments: an EHR writes its
    own before ids that we know.
    """
    if not isinstance(reference, str):
        return None
    form = _FORM.match(reference)
    return form[1] if form else None


def is_id(text: str) -> bool:
    """Whether a text has the form of a FHIR id."""
    return _ID.match(text) is not None


_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
