"""Where approved orders go: the port `Destination`, by FHIR; or nowhere, where a partner reads them here."""

from types import MappingProxyType
from typing import Any

from referral_service.ehr.client import EhrClient
from referral_service.ehr.transport import Deadline
from referral_service.fhir.write.outgoing import Order, findable
from referral_service.workflow.fetch import Queries
from referral_service.workflow.read_back import There, identifiers

Json = dict[str, Any]


class FhirDestination:
    """A FHIR server that takes a transaction with conditional creates."""

    def __init__(self, client: EhrClient, seconds: float, queries: Queries = MappingProxyType({})) -> None:
        """Whoever made the client closes it; a look takes no longer than `seconds`, all pages included.

        `queries`: what the server demands of a search of a type.
        """
        self._client = client
        self._seconds = seconds
        self._queries = queries

    def find(self, order: Order) -> There:
        """What it has under the identifiers of the order and its Task."""
        with Deadline(self._seconds).held():
            return There(self._search(order.request), self._search(order.task))

    def send(self, transaction: Json) -> Json:
        """Sent once; INTERRUPTED where the outcome is unknown."""
        return self._client.transaction(transaction)

    def read(self, reference: str) -> Json | None:
        """One of its resources; None where it is not."""
        return self._client.read(reference)

    def _search(self, resource: Json) -> list[Json]:
        """Those that really have the identifier: a server that does not know the parameter shows all.

        Each once, however many searches show it.
        """
        own, kind = findable(resource), resource["resourceType"]
        asked = ("identifier", f"{own['system']}|{own['value']}")
        found: dict[str, Json] = {}
        for query in self._queries.get(kind, ((),)):
            for one in self._client.search(kind, [asked, *query]):
                if _has(one, kind, own):
                    found[str(one.get("id"))] = one
        return list(found.values())


class PullDestination:
    """The partner reads orders here: an order that can be read has arrived."""

    def find(self, order: Order) -> There:
        """What is here is there."""
        return There([order.request], [order.task])

    def send(self, transaction: Json) -> Json:
        """Nothing is sent."""
        return transaction

    def read(self, reference: str) -> Json | None:
        """Nothing is elsewhere."""
        return None


def _has(found: Json, type: str, own: Json) -> bool:
    return found.get("resourceType") == type and (own["system"], own["value"]) in identifiers(found)
