"""Joins the ports to their adapters, as wiring.py does, for what takes data in from other systems."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from referral_service.core.pathway import Pathway
from referral_service.ehr.client import EhrClient
from referral_service.ehr.endpoint import Endpoint
from referral_service.ehr.spaced import Spaced
from referral_service.fhir.read import Reader
from referral_service.settings import Settings
from referral_service.sources import Polling, Server
from referral_service.store.errands import SqlErrands
from referral_service.store.origins import SqlOrigins
from referral_service.store.pace import SqlPace
from referral_service.store.search import Search
from referral_service.store.store import SqlStore
from referral_service.wiring import (
    build_clock,
    build_pathway,
    build_reader,
    build_sources,
    build_terminology,
    build_track,
)
from referral_service.workflow.admit import Admit, Admitted, Feed
from referral_service.workflow.fetch import Fetch
from referral_service.workflow.ingest import Ingest
from referral_service.workflow.poll import Poll
from referral_service.workflow.ports import Doorbell, Tenant


def build_admit(settings: Settings, store: SqlStore, reader: Reader, pathway: Pathway) -> Admit:
    """The verb that takes in what other systems have."""
    return Admit(
        Ingest(store, reader),
        Search(store.engine),
        SqlOrigins(store.engine, build_clock(settings)),
        f"{settings.canonical_base}/fulfillment",
        build_track(settings, store, pathway).heard,
    )


@dataclass(frozen=True)
class Intake:
    """What fetches from one source; whoever made it closes it. `types` are polled each `every`."""

    feed: Feed
    admit: Admit
    errands: SqlErrands
    fetch: Fetch
    poll: Poll
    pace: SqlPace
    types: tuple[str, ...]
    every: timedelta
    close: Callable[[], None]


def build_intakes(settings: Settings, store: SqlStore, doorbell: Doorbell) -> list[Intake]:
    """One a source that can be asked; raises SourcesError, PathwayError, TerminologyError and Problem."""
    sources = build_sources(settings)
    terminology = build_terminology(settings)
    store.reads_by(terminology.digest)
    reader = build_reader(settings, terminology)
    admit = build_admit(settings, store, reader, build_pathway(settings, terminology))
    clock = build_clock(settings)
    errands = SqlErrands(store.engine, clock, settings.lease_seconds)
    origins = SqlOrigins(store.engine, clock)

    def fetched(feed: Feed, admitted: Admitted, reached: Mapping[str, str] = MappingProxyType({})) -> None:
        errands.note(feed, admitted, reached)
        if admitted.counts["stored"] or admitted.counts["deleted"]:
            doorbell.ring()

    found = []
    for name, source in sources.sources.items():
        if not source.fhir:
            continue
        feed = Feed(Tenant(source.tenant), name)
        client = EhrClient(build_source_endpoint(source.fhir))
        server = Spaced(client, sources.space(name))
        polling = source.poll or Polling(types=())
        found.append(
            Intake(
                feed=feed,
                admit=admit,
                errands=errands,
                fetch=Fetch(server, admit, origins, fetched, source.fhir.queries),
                poll=Poll(server, admit, origins, polling.overlap, fetched, source.fhir.queries),
                pace=SqlPace(store.engine, clock, feed, polling.budget),
                types=polling.types,
                every=polling.every,
                close=client.close,
            )
        )
    return found


def build_source_endpoint(server: Server) -> Endpoint:
    """The FHIR server of a source."""
    return Endpoint(
        url=server.url,
        token_url=server.token_url or "",
        client_id=server.client_id,
        key_file=server.key_file,
        scope=server.scope,
        origins=server.origins,
    )
