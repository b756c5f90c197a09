"""Who is one person: several patients of one tenant, as EHRs with id spaces of their own have them.

What Patients say of who they are is in store/bonds.py; `person` holds what follows. One patient of a person,
its leader, is the one that is claimed and decided on, with the facts of all. Nothing else moves:
every resource, fact, episode and referral stays its own patient's, so that separating them undoes all.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Index, RowMapping, String, or_, select, text, update

from referral_service.core.person import Identity, leader, people
from referral_service.store.bonds import around, in_batches, is_held, keep, rows_of, said_by
from referral_service.store.bulk import replacing
from referral_service.store.dirt import Dirt, Queue
from referral_service.store.tables import Instant, key, microseconds, table
from referral_service.store.tables import patient as queue
from referral_service.workflow.ports import PatientId, Tenant

# Patients who are one person, from `known_at` until before `known_until`, and which of them leads; whoever is
# a person alone has no row.
person = table(
    "person",
    key("tenant"),
    key("patient"),
    Column("known_at", Instant, primary_key=True),
    Column("known_until", Instant),
    Column("person", String, nullable=False),
    Index("person_members", "tenant", "person"),
)

Owner = tuple[Tenant, PatientId]
_PERSON = replacing(person)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('person ' || :tenant))")


def members(
    connection: Connection, owners: Iterable[Owner], known_at: datetime | None = None
) -> dict[Owner, tuple[PatientId, ...]]:
    """The patients who are one person with each of these, the leader first; nothing for one who is alone."""
    asked: dict[Tenant, set[PatientId]] = {}
    for tenant, patient in owners:
        asked.setdefault(tenant, set()).add(patient)
    found: dict[Owner, tuple[PatientId, ...]] = {}
    for tenant, patients in asked.items():
        for some in in_batches(patients):
            # one tuple for all of a person: those who are many cost no more than they are
            for whole in _persons(
                connection, tenant, [it for it in some if (tenant, it) not in found], known_at
            ):
                found |= dict.fromkeys(((tenant, it) for it in whole if it in patients), whole)
    return found


def _persons(
    connection: Connection, tenant: Tenant, patients: Sequence[str], known_at: datetime | None
) -> list[tuple[PatientId, ...]]:
    """Each person whom one of these belongs to, its leader first."""
    one = person.alias()
    own = select(one.c.person).where(one.c.tenant == tenant, one.c.patient.in_(patients))
    asked = select(person.c.patient, person.c.person).where(
        person.c.tenant == tenant, person.c.person.in_(own.where(_stood(one, known_at)))
    )
    same: dict[str, list[PatientId]] = {}
    for row in connection.execute(asked.where(_stood(person, known_at))) if patients else ():
        same.setdefault(row.person, []).append(row.patient)
    return [tuple(sorted(some, key=lambda it: (it != its, it))) for its, some in same.items()]


def whole(connection: Connection, tenant: Tenant, patient: PatientId) -> tuple[PatientId, ...]:
    """The patients who are one person with this one, the leader first; itself where there is no other."""
    return members(connection, [(tenant, patient)]).get((tenant, patient), (patient,))


def _stood(one: Any, known_at: datetime | None) -> Any:
    if known_at is None:
        return one.c.known_until.is_(None)
    return (one.c.known_at <= known_at) & or_(one.c.known_until.is_(None), one.c.known_until > known_at)


def framed(key: str, owner: PatientId, reader: PatientId) -> str:
    """An episode's key, written for `owner`, as `reader` writes it: another's has its patient before it."""
    return (key if "/" in key else f"{owner}/{key}").removeprefix(f"{reader}/")


def placed(key: str, owner: PatientId) -> tuple[PatientId, str]:
    """Whose episode it is, and its key there."""
    patient, bar, own = key.rpartition("/")
    return (PatientId(patient), own) if bar else (owner, key)


def lead(connection: Connection, found: Iterable[RowMapping], now: datetime) -> bool:
    """Makes the leader due instead of those of these rows of `patient` that another leads; was there any?"""
    rows = {(row["tenant"], row["id"]): row for row in found}
    led = {
        owner: same[0] for owner, same in members(connection, rows).items() if same and same[0] != owner[1]
    }
    due: dict[Owner, Dirt] = {}
    for (tenant, patient), leads in led.items():
        row = rows[tenant, patient]
        if row["place"] is not None:
            dirt = Dirt(1, is_pressing=row["place"] < 0, trace=row["trace"])
            known = due.get((tenant, leads))
            due[tenant, leads] = known.add(dirt) if known else dirt
        one = (queue.c.tenant == tenant, queue.c.id == patient)
        connection.execute(
            update(queue).where(*one).values(place=None, dirty_since=None, wake_at=None, asked_at=None)
        )
    # in their order, as everybody locks them
    Queue().mark(connection, now, due)
    return bool(led)


def follow(
    connection: Connection, tenant: Tenant, said: Mapping[PatientId, Identity | None], at: datetime
) -> set[PatientId]:
    """Keeps what these Patients say now (None: gone); whoever has another person than before."""
    wanted = {row for patient, identity in said.items() if identity for row in rows_of(patient, identity)}
    before = said_by(connection, tenant, said)
    if wanted == before:
        return set()
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"tenant": tenant})
        before = said_by(connection, tenant, said)
    are_alone = not before and _are_alone(connection, tenant, said, [row[0] for row in wanted])
    keep(connection, tenant, before, wanted)
    if are_alone:
        return set()
    return _regroup(connection, tenant, set(said), {row[0] for row in before | wanted}, at)


def settle(
    connection: Connection, tenant: Tenant, patients: Iterable[PatientId], at: datetime
) -> set[PatientId]:
    """Works out anew who is one person with these; whoever has another person than before."""
    return _regroup(connection, tenant, set(patients), set(), at)


def _are_alone(
    connection: Connection,
    tenant: Tenant,
    said: Mapping[PatientId, Identity | None],
    names: Collection[str],
) -> bool:
    """Whether these, who are new, link to nobody, and neither each other nor anybody else has their names."""
    if len(set(names)) < len(names) or any(identity and identity.links for identity in said.values()):
        return False
    return not is_held(connection, tenant, names)


def _regroup(
    connection: Connection, tenant: Tenant, changed: set[PatientId], names: Collection[str], at: datetime
) -> set[PatientId]:
    before = _by_leader(members(connection, [(tenant, patient) for patient in changed]))
    asked: set[str] = {*changed, *(one for same in before.values() for one in same)}
    known = around(connection, tenant, asked, set(names), len(changed))
    groups = people({*asked, *known}, known)
    now = {one: leader(group, known) if len(group) > 1 else None for group in groups for one in group}
    was = members(connection, [(tenant, PatientId(one)) for one in now])
    stood = {one: same[0] for (_, one), same in was.items()}
    others = {PatientId(one) for one, its in now.items() if its != stood.get(PatientId(one))}
    _change(connection, tenant, {one: now[one] for one in others}, at)
    joined = {PatientId(one) for group in groups if group & others for one in group}
    left = _by_leader({(tenant, one): was[tenant, one] for one in others if (tenant, one) in was})
    return joined | others | {one for same in left.values() for one in same}


def _by_leader(same: Mapping[Owner, tuple[PatientId, ...]]) -> dict[PatientId, tuple[PatientId, ...]]:
    return {its[0]: its for its in same.values()}


def _change(connection: Connection, tenant: Tenant, now: Mapping[str, str | None], at: datetime) -> None:
    stands = (person.c.tenant == tenant, person.c.known_until.is_(None))
    for some in in_batches(now):
        connection.execute(update(person).where(*stands, person.c.patient.in_(some)).values(known_until=at))
    # a second change within the same instant takes the place of the first
    _PERSON.run(connection, [(tenant, one, microseconds(at), None, its) for one, its in now.items() if its])
