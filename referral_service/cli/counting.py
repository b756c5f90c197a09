"""What the EHR has of each approved order, counted by identifier; for `reconcile`. Changes nothing there."""

from collections.abc import Iterator

from referral_service.cli.start import starting
from referral_service.ehr.client import EhrClient
from referral_service.fhir.write.names import Names
from referral_service.fhir.write.outgoing import Order
from referral_service.settings import Settings
from referral_service.store import approved
from referral_service.store.approved import Approved, orders
from referral_service.store.differences import Difference
from referral_service.store.store import SqlStore
from referral_service.telemetry import set_up_logs
from referral_service.wiring import build_destination, build_endpoint, build_pathway, build_terminology
from referral_service.workflow.transmit import Destination


def at_the_ehr(settings: Settings, store: SqlStore) -> Iterator[tuple[int, list[Difference]]]:
    """For each order that it was counted, and what is wrong there, seen twice; nothing where no EHR is set.

    Raises the Problem of an EHR that does not answer.
    """
    if settings.destination_kind != "fhir":
        return
    set_up_logs(settings.log_level)
    with starting():
        pathway = build_pathway(settings, build_terminology(settings))
    names = Names(settings.canonical_base, pathway.id, pathway.version)
    client = EhrClient(build_endpoint(settings))
    try:
        destination = build_destination(settings, client)
        for some in orders(store.engine):
            for one in some:
                found = list(_differences(one, destination, names))
                # the service may have sent it, or heard of it, since the batch was read
                again = approved.again(store.engine, one) if found else None
                yield 1, list(_differences(again, destination, names)) if again else []
    finally:
        client.close()


def _differences(one: Approved, destination: Destination, names: Names) -> Iterator[Difference]:
    referral = one.referral
    there = destination.find(_order(referral.identifier, names))
    counted = f"the EHR has {len(there.requests)} of it, and {len(there.tasks)} of its Task"
    subject = f"ServiceRequest/{referral.order}"
    if there.is_doubled:
        yield Difference("there-twice", subject, counted)
    elif one.there and not there.is_whole:
        yield Difference("not-there", subject, f"it was sent; {counted}")
    elif referral.sent_at is None and (there.requests or there.tasks):
        yield Difference("there-unsent", subject, f"it is not known as sent; {counted}")


def _order(identifier: str, names: Names) -> Order:
    """As much of an order as it is found by."""
    value = f"{identifier}|order"
    return Order(
        {"resourceType": "ServiceRequest", "identifier": [names.identifier("referral", value)]},
        {"resourceType": "Task", "identifier": [names.identifier("fulfillment", value)]},
    )
