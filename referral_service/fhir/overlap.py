"""Which conditions one resource may meet: told by the values of identifiers, in whatever words they ask."""

from typing import Any

from referral_service.fhir.search import terms
from referral_service.fhir.search.escapes import plain, split
from referral_service.fhir.search.query import Query

_NAME = "identifier"


def wanted(query: Query) -> frozenset[str]:
    """Values, one of which is an identifier of whatever the query finds; none if it may find anything.

    Without their systems, since a condition may leave these out.
    """
    for test in query.tests:
        # Every test has to hold, so that the first that names values says enough.
        if test.name == _NAME and not test.systems:
            return frozenset(plain(split(one, "|", limit=1)[-1]) for one in test.tokens)
    return frozenset()


def borne(resource: dict[str, Any]) -> frozenset[str]:
    """The values of its identifiers."""
    return frozenset(one.code for one in terms.entries(resource) if one.name == _NAME)
