"""A FHIR server whose resources have other ids here than there."""

from collections.abc import Iterator, Sequence
from typing import Any

from referral_service.core.problem import Category, problem
from referral_service.ehr.client import EhrClient
from referral_service.fhir.space import Space

Json = dict[str, Any]


class Spaced:
    """Asked with the ids from here, it answers with the ids from here."""

    def __init__(self, client: EhrClient, space: Space) -> None:
        """Whoever made the client closes it."""
        self._client = client
        self._space = space

    def read(self, reference: str) -> Json | None:
        """The resource; None where it is not, or was deleted. INCORRECT for what is not that server's."""
        if not self._space.holds(reference):
            raise problem(Category.INCORRECT, "This id is not one of the source's own.")
        found = self._client.read(self._space.left(reference))
        return None if found is None else self._space.enter(found)

    def pages(self, type: str, parameters: Sequence[tuple[str, str]]) -> Iterator[Json]:
        """The Bundles of a search, each asked for when it is due."""
        asked = [(name, self._asked(type, name, value)) for name, value in parameters]
        return map(self._space.enter, self._client.pages(type, asked))

    def _asked(self, type: str, name: str, value: str) -> str:
        return self._space.outer(type, value) if name == "_id" else self._space.left(value)
