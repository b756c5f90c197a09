"""What a client sends, accepts and prefers, read leniently: JSON under any of its names, never XML."""

import re
from functools import lru_cache

from referral_service.api.errors import HttpProblem

_JSON = frozenset(
    {
        "application/fhir+json",
        "application/json",
        "application/json+fhir",
        "text/json",
        "json",
        "application/fhir json",
    }
)
_OURS = "application/fhir+json"
# The narrower goes before the wider; some clients write the widest as a star alone.
_ANY = ("application/*", "*/*", "*")
_NOTHING = re.compile(r"0(\.0*)?")
_UNCOMPRESSED = frozenset({"", "identity"})
_RELEASES = frozenset({"", "4.0", "4.0.1", "4"})


@lru_cache(256)
def acceptable(accept: str, format_asked: str) -> None:
    """Raises 406 unless the client takes JSON; `_format` goes before the Accept header."""
    wanted = format_asked or accept
    if wanted and not _takes_json(wanted):
        raise HttpProblem(406, "not-supported", "This service speaks FHIR R4 in JSON only.")


@lru_cache(256)
def readable(content_type: str, encoding: str) -> None:
    """Raises 415 unless a body of this type is JSON in UTF-8; a missing type is taken for JSON."""
    name, parameters = _parts(content_type)
    is_plain = encoding.strip().lower() in _UNCOMPRESSED
    if (name and name not in _JSON) or not _is_ours(parameters) or not is_plain:
        raise HttpProblem(415, "not-supported", "Send application/fhir+json in UTF-8, not compressed.")


def patch_readable(content_type: str) -> None:
    """Raises 415 unless a body of this type is a JSON Patch."""
    if _parts(content_type)[0] != "application/json-patch+json":
        raise HttpProblem(415, "not-supported", "Send application/json-patch+json.")


@lru_cache(256)
def preferences(prefer: str) -> dict[str, str]:
    """The Prefer header's tokens, such as {"return": "minimal", "handling": "strict"}; the first of each."""
    found: dict[str, str] = {}
    for token in prefer.replace(";", ",").split(","):
        name, _, value = token.strip().partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found


def _takes_json(wanted: str) -> bool:
    """Whether a list of media types has ours, by any of its names, with a weight above 0."""
    weights = {
        name: not _NOTHING.fullmatch(parameters.get("q", ""))
        for name, parameters in map(_parts, wanted.split(","))
        if _is_ours(parameters)
    }
    if _OURS in weights:
        return weights[_OURS]
    if any(weights[name] for name in _JSON & weights.keys()):
        return True
    return next((weights[name] for name in _ANY if name in weights), False)


def _is_ours(parameters: dict[str, str]) -> bool:
    charset = parameters.get("charset", "utf-8").lower()
    return charset in ("utf-8", "utf8", "us-ascii") and parameters.get("fhirversion", "") in _RELEASES


def _parts(media_type: str) -> tuple[str, dict[str, str]]:
    name, *rest = media_type.split(";")
    pairs = (parameter.partition("=") for parameter in rest)
    return name.strip().lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
