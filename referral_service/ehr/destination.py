"""Where approved orders go: the port `Destination`, by FHIR; or nowhere, where a partner reads them here."""

from typing import Any

from referral_service.ehr.client import EhrClient
from referral_service.fhir.write.outgoing import Order
from referral_service.workflow.transmit import There

Json = dict[str, Any]


class FhirDestination:
    """A FHIR server that takes a transaction with conditional creates."""

    def __init__(self, client: EhrClient) -> None:
        """Whoever made the client closes it."""
        self._client = client

    def find(self, order: Order) -> There:
        """What it has under the identifiers of the order and its Task."""
        return There(self._search(order.request), self._search(order.task))

    def send(self, transaction: Json) -> Json:
        """Sent once; INTERRUPTED where the outcome is unknown."""
        return self._client.transaction(transaction)

    def read(self, reference: str) -> Json | None:
        """One of its resources; None where it is not."""
        return self._client.read(reference)

    def _search(self, resource: Json) -> list[Json]:
        """Those that really have the identifier: a server that does not know the parameter shows all."""
        own = resource["identifier"][0]
        asked = [("identifier", f"{own['system']}|{own['value']}")]
        found = self._client.search(resource["resourceType"], asked)
        return [one for one in found if _has(one, resource["resourceType"], own)]


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
    named = [(one.get("system"), one.get("value")) for one in found.get("identifier", ())]
    return found.get("resourceType") == type and (own["system"], own["value"]) in named
