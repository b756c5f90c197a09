"""Joins the ports to their adapters, from the settings; nothing else."""

from dataclasses import dataclass

from fhir_profiles import RESOURCES
from referral_service import pathways
from referral_service.clock import SystemClock
from referral_service.core.pathway import Pathway
from referral_service.doorbell import CeleryDoorbell
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.published import Draft, Published, changed_at, drafts, rebased
from referral_service.fhir.read import Reader
from referral_service.fhir.write import Names
from referral_service.fhir.write.plan_definition import plan_definition
from referral_service.notify import AppriseNotifier
from referral_service.settings import Settings
from referral_service.store.alarms import SqlAlarms
from referral_service.store.engine import connect
from referral_service.store.store import SqlStore
from referral_service.tracing import Traced
from referral_service.workflow.assess import Assessor
from referral_service.workflow.ladder import Ladder


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


def build_store(settings: Settings, worker: str = "") -> SqlStore:
    """The store on the database that is set, migrated or not; `worker` is the name of one that claims."""
    return SqlStore(connect(settings.database), build_clock(settings), settings.lease_seconds, worker)


def build_pathway(settings: Settings, terminology: Terminology) -> Pathway:
    """The policy that is set, else our own; raises PathwayError, also for a concept that there is not."""
    return pathways.load_for(settings.pathway or pathways.DEFAULT, terminology.concepts())


def build_terminology(settings: Settings) -> Terminology:
    """Our ValueSets, and the site's overlay; raises TerminologyError."""
    overlay = [settings.terminology_dir] if settings.terminology_dir else []
    return Terminology.load(RESOURCES / "valuesets", *overlay)


def build_published(settings: Settings, terminology: Terminology, pathway: Pathway) -> Published:
    """Our resources, the site's ValueSets, and the policy in force; raises TerminologyError."""
    base = settings.canonical_base
    names = Names(base, pathway.id, pathway.version)
    value_sets = {
        name: [rebased(url, base) for url in concept.value_sets]
        for name, concept in terminology.concepts().items()
    }
    plan = plan_definition(pathway, names, value_sets)
    overlay = settings.terminology_dir
    return Published(
        [
            *drafts(RESOURCES, base),
            *(drafts(overlay, base, frozenset({"ValueSet"})) if overlay else ()),
            Draft(plan, changed_at(settings.pathway or pathways.DEFAULT)),
        ]
    )


def build_service(settings: Settings) -> Service:
    """What the API serves; raises PathwayError and TerminologyError."""
    terminology = build_terminology(settings)
    pathway = build_pathway(settings, terminology)
    # Everything that may refuse the start comes before the database is opened.
    published = build_published(settings, terminology, pathway)
    return Service(
        settings=settings,
        store=build_store(settings),
        clock=build_clock(settings),
        doorbell=CeleryDoorbell(settings),
        terminology=terminology,
        pathway=pathway,
        reader=Reader(terminology, settings.canonical_base),
        published=published,
    )


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
