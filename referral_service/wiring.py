"""Joins the ports to their adapters, from the settings; nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from fhir_profiles import RESOURCES
from referral_service import pathways
from referral_service.auth.access import Access, AccessError
from referral_service.auth.access import read as read_access
from referral_service.auth.authority import Authority
from referral_service.clock import SystemClock
from referral_service.core.fulfillment import Within
from referral_service.core.pathway import Pathway
from referral_service.doorbell import CeleryDoorbell
from referral_service.ehr.client import EhrClient
from referral_service.ehr.destination import FhirDestination, PullDestination
from referral_service.ehr.endpoint import Endpoint
from referral_service.ehr.spaced import Spaced
from referral_service.ehr.subscribers import Subscribers
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.published import Draft, Published, changed_at, drafts, rebased
from referral_service.fhir.read import Reader
from referral_service.fhir.search import table
from referral_service.fhir.space import Space
from referral_service.fhir.subscription import LONGEST_SECONDS
from referral_service.fhir.write import Names
from referral_service.fhir.write.plan_definition import plan_definition
from referral_service.fhir.write.search_parameter import search_parameters
from referral_service.notify import AppriseNotifier
from referral_service.settings import Settings
from referral_service.sources import Sources, SourcesError
from referral_service.sources import read as read_sources
from referral_service.store.alarms import SqlAlarms
from referral_service.store.answers import Answers
from referral_service.store.engine import connect
from referral_service.store.messages import SqlOutbox
from referral_service.store.outlets import SqlOutlets
from referral_service.store.store import SqlStore
from referral_service.tracing import Traced
from referral_service.workflow.announce import Announce
from referral_service.workflow.assess import Assessor
from referral_service.workflow.courier import Courier
from referral_service.workflow.ladder import Ladder
from referral_service.workflow.poll import POLLED
from referral_service.workflow.ports import Tenant
from referral_service.workflow.review import Opened
from referral_service.workflow.track import Track
from referral_service.workflow.transmit import Setting, Transmit

# How long an order is one sender's, in calls of the other side: one sends, two look whether it has arrived.
_CALLS: Final = 4


@dataclass(frozen=True)
class Service:
    """Everything that the API needs; whoever made it closes it."""

    settings: Settings
    store: SqlStore
    clock: SystemClock
    doorbell: CeleryDoorbell
    terminology: Terminology
    pathway: Pathway
    reader: Reader
    published: Published
    sources: Sources
    # With REFERRAL_AUTH=smart alone.
    authority: Authority | None = None

    @property
    def names(self) -> Names:
        """The identifiers of what this service writes."""
        return Names(self.settings.canonical_base, self.pathway.id, self.pathway.version)

    def close(self) -> None:
        """Stores what waits, and lets go of the database and the broker."""
        self.doorbell.close()
        self.store.close()


def build_clock(settings: Settings) -> SystemClock:
    """The clock, shifted as set."""
    return SystemClock(settings.clock_shift)


def build_store(settings: Settings, worker: str = "", *, serves: bool = False) -> SqlStore:
    """The store on the database that is set, migrated or not; `worker` is the name of one that claims.

    It works for all tenants, unless it `serves` the one that each request is for.
    """
    engine = connect(settings.database, serves=serves)
    return SqlStore(engine, build_clock(settings), settings.lease_seconds, worker)


def build_pathway(settings: Settings, terminology: Terminology) -> Pathway:
    """The policy that is set, else our own; raises PathwayError, also for a concept that there is not."""
    return pathways.load_for(settings.pathway or pathways.DEFAULT, terminology.concepts())


def build_terminology(settings: Settings) -> Terminology:
    """Our ValueSets, and the site's overlay; raises TerminologyError."""
    overlay = [settings.terminology_dir] if settings.terminology_dir else []
    return Terminology.load(RESOURCES / "valuesets", *overlay)


def build_reader(settings: Settings, terminology: Terminology) -> Reader:
    """What resources say, by these codes, and who is one person by what is set."""
    return Reader(terminology, settings.canonical_base, settings.join_by.split())


def build_published(settings: Settings, terminology: Terminology, pathway: Pathway) -> Published:
    """Our resources, the site's ValueSets, the policy in force, how is searched; raises TerminologyError."""
    base = settings.canonical_base
    names = Names(base, pathway.id, pathway.version)
    value_sets = {
        name: [rebased(url, base) for url in concept.value_sets]
        for name, concept in terminology.concepts().items()
    }
    plan = plan_definition(pathway, names, value_sets)
    overlay = settings.terminology_dir
    searched_since = changed_at(Path(table.__file__))
    return Published(
        [
            *drafts(RESOURCES, base),
            *(drafts(overlay, base, frozenset({"ValueSet"})) if overlay else ()),
            Draft(plan, changed_at(settings.pathway or pathways.DEFAULT)),
            *(Draft(one, searched_since) for one in search_parameters(base)),
        ]
    )


def build_service(settings: Settings) -> Service:
    """What the API serves; raises PathwayError, TerminologyError, SourcesError and AccessError."""
    terminology = build_terminology(settings)
    pathway = build_pathway(settings, terminology)
    # Everything that may refuse the start comes before the database is opened.
    published = build_published(settings, terminology, pathway)
    access = read_access(settings.access) if settings.auth == "smart" and settings.access else None
    sources = build_sources(settings)
    for name, source in access.spaces() if access else ():
        if not sources.space(source).name:
            raise AccessError(f"{name}.source: no source of that name keeps ids of its own")
    store = build_store(settings, serves=True)
    return Service(
        settings=settings,
        store=store,
        clock=build_clock(settings),
        doorbell=CeleryDoorbell(settings),
        terminology=terminology,
        pathway=pathway,
        reader=build_reader(settings, terminology),
        published=published,
        sources=sources,
        authority=build_authority(settings, access, store) if access else None,
    )


def build_authority(settings: Settings, access: Access, store: SqlStore) -> Authority:
    """Whom the service believes; raises AccessError and OSError."""
    return Authority(access, settings.public_url, settings.token_key, build_clock(settings), store.engine)


def build_ladder(settings: Settings, store: SqlStore) -> Ladder | None:
    """The verb that tells people of red flags; None if nobody is named. Raises UnknownDestination."""
    if not settings.rungs:
        return None
    clock = build_clock(settings)
    return Ladder(SqlAlarms(store.engine, clock), AppriseNotifier(settings.rungs), clock)


def build_assessor(settings: Settings, store: SqlStore) -> Assessor:
    """The verb that a worker runs; raises PathwayError and TerminologyError."""
    pathway = build_pathway(settings, build_terminology(settings))
    clock = build_clock(settings)
    return Assessor(store, clock, pathway, settings.canonical_base, settings.timezone, Traced())


@dataclass(frozen=True)
class Sender:
    """What sends approved orders; whoever made it closes it."""

    courier: Courier
    opened: Callable[[Tenant, str], Opened | None]
    close: Callable[[], None]


def build_outbox(settings: Settings, store: SqlStore) -> SqlOutbox:
    """What is to be sent; an order is one sender's for longer than it takes to look, or to send."""
    lease = max(settings.lease_seconds, _CALLS * settings.ehr_timeout_seconds)
    return SqlOutbox(store.engine, build_clock(settings), lease, settings.destination_kind)


def build_track(settings: Settings, store: SqlStore, pathway: Pathway) -> Track:
    """The verb that follows what fulfillers say."""
    clock = build_clock(settings)
    names = Names(settings.canonical_base, pathway.id, pathway.version)
    zone = ZoneInfo(settings.timezone)
    return Track(Answers(store.engine, clock), clock, names, Within.of(pathway.numbers), zone)


def build_sender(settings: Settings, store: SqlStore) -> Sender | None:
    """What sends approved orders; None where people carry them.

    Raises PathwayError, SourcesError and Problem.
    """
    kind = settings.destination_kind
    if kind not in ("fhir", "pull"):
        return None
    pathway = build_pathway(settings, build_terminology(settings))
    clock, outbox = build_clock(settings), build_outbox(settings, store)
    names = Names(settings.canonical_base, pathway.id, pathway.version)
    zone, quiet = ZoneInfo(settings.timezone), timedelta(seconds=2 * settings.ehr_timeout_seconds)
    setting = Setting(names, Within.of(pathway.numbers), zone, quiet, _space(settings))
    client = EhrClient(build_endpoint(settings)) if kind == "fhir" else None
    destination = build_destination(settings, client) if client else PullDestination()
    transmit = Transmit(outbox, destination, store.read, clock, setting)
    every = timedelta(seconds=settings.ehr_poll_seconds)
    track = build_track(settings, store, pathway)
    courier = Courier(
        outbox, transmit, track, Spaced(client, setting.space).read if client and every else None, every
    )
    desk = Answers(store.engine, clock)
    return Sender(
        courier,
        lambda tenant, order: desk.open(tenant, "ServiceRequest", order),
        client.close if client else lambda: None,
    )


def build_destination(settings: Settings, client: EhrClient) -> FhirDestination:
    """Where orders are sent, searched as the source of the same address is. Raises SourcesError."""
    source = build_sources(settings).at(settings.ehr_url)
    queries = source[1].fhir.queries if source and source[1].fhir else {}
    return FhirDestination(client, 2 * settings.ehr_timeout_seconds, queries)


def _space(settings: Settings) -> Space:
    """That of the source whose server orders are sent to."""
    sources = build_sources(settings)
    source = sources.at(settings.ehr_url)
    return sources.space(source[0] if source else "")


def build_subscribers(settings: Settings) -> Subscribers:
    """Whom notifications may go to; raises Problem for an origin that is no address."""
    is_alone = settings.auth == "off" and settings.is_loopback
    return Subscribers(settings.subscribers.split(), is_open=is_alone)


def build_announce(settings: Settings, store: SqlStore) -> Announce:
    """What tells partners of changes; a Subscription is one sender's for longer than a POST takes."""
    clock = build_clock(settings)
    outlets = SqlOutlets(store.engine, clock, max(settings.lease_seconds, 2 * LONGEST_SECONDS))
    address = settings.public_url or f"http://{settings.host}:{settings.port}"
    return Announce(outlets, build_subscribers(settings), clock, f"{address}/fhir")


def build_endpoint(settings: Settings) -> Endpoint:
    """The EHR that approved orders go to."""
    return Endpoint(
        url=settings.ehr_url,
        token_url=settings.ehr_token_url,
        client_id=settings.ehr_client_id,
        key_file=settings.ehr_key_file,
        scope="system/*.cruds",
        origins=tuple(settings.ehr_origins.split()),
        timeout_seconds=settings.ehr_timeout_seconds,
    )


def build_sources(settings: Settings) -> Sources:
    """The systems that data comes from; raises SourcesError, also for what cannot be asked of them."""
    sources = read_sources(settings.sources)
    for name, source in sources.sources.items():
        for kind in source.fhir.search if source.fhir else ():
            if kind not in POLLED:
                raise SourcesError(f"sources.{name}.fhir.search.{kind}: not a type that the service keeps")
        if source.poll and not source.fhir:
            raise SourcesError(f"sources.{name}.poll: needs fhir")
        for number, kind in enumerate(source.poll.types if source.poll else ()):
            if kind not in POLLED:
                raise SourcesError(f"sources.{name}.poll.types.{number}: not a type that the service keeps")
    return sources
