"""Who is one person: several patients of one tenant, as EHRs with id spaces of their own have them.

`bond` holds what Patients say of who they are (core/person.py); `person` holds what follows. One patient of
a person, its leader, is the one that is claimed and decided on, with the facts of all. Nothing else moves:
every resource, fact, episode and referral stays its own patient's, so that separating them undoes all.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    RowMapping,
    String,
    column,
    delete,
    or_,
    select,
    text,
    update,
    values,
)

from referral_service.core.person import MOST_HOLDERS, Identity, leader, people
from referral_service.store.bulk import Statement, inserting, replacing
from referral_service.store.dirt import Dirt, Queue
from referral_service.store.tables import Instant, key, microseconds, table
from referral_service.store.tables import patient as queue
from referral_service.workflow.ports import PatientId, Tenant

# What Patients say of who they are: each its own name, whom it links to, identifiers that name one person.
bond = table(
    "bond",
    key("tenant"),
    key("name"),
    key("patient"),
    Column("born", String, nullable=False),
    Column("is_replaced", Boolean, nullable=False),
    Index("bond_by_patient", "tenant", "patient"),
    clustered=True,
)

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
_Rows = set[tuple[str, str, str, bool]]
_AT_ONCE = 500
_PERSON = replacing(person)
_BOND = inserting(bond)
# Asked for directly, SQLite would read the bonds of the whole tenant.
_SAID = """SELECT name, patient, born, is_replaced FROM bond WHERE (tenant, name, patient) IN
    (SELECT tenant, name, patient FROM bond WHERE tenant = ? AND patient IN ({}))"""
_HELD = "SELECT name FROM bond WHERE tenant = ? AND name IN ({}) LIMIT 1"
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('person ' || :tenant))")


def members(
    connection: Connection, owners: Iterable[Owner], known_at: datetime | None = None
) -> dict[Owner, tuple[PatientId, ...]]:
    """The patients who are one person with each of these, the leader first; nothing for one who is alone."""
    asked: dict[Tenant, set[PatientId]] = {}
    for tenant, patient in owners:
        asked.setdefault(tenant, set()).add(patient)
    found: dict[Owner, list[tuple[bool, PatientId]]] = {}
    one, same = person.alias(), person.alias()
    for tenant, patients in asked.items():
        for some in in_batches(patients):
            rows = connection.execute(
                select(one.c.patient, same.c.patient.label("other"), same.c.person)
                .where(one.c.tenant == tenant, one.c.patient.in_(some), _stood(one, known_at))
                .where(same.c.tenant == tenant, same.c.person == one.c.person, _stood(same, known_at))
            )
            for row in rows:
                found.setdefault((tenant, row.patient), []).append((row.other != row.person, row.other))
    return {owner: tuple(patient for _, patient in sorted(same)) for owner, same in found.items()}


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
    wanted = {row for patient, identity in said.items() if identity for row in _rows(patient, identity)}
    before = _said_by(connection, tenant, said)
    if wanted == before:
        return set()
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"tenant": tenant})
        before = _said_by(connection, tenant, said)
    for patient in {row[1] for row in before - wanted}:
        connection.execute(delete(bond).where(bond.c.tenant == tenant, bond.c.patient == patient))
    outdated = {row[1] for row in before - wanted}
    new = [row for row in wanted if row not in before or row[1] in outdated]
    are_alone = not before and _are_alone(connection, tenant, said, [row[0] for row in wanted])
    _BOND.run(connection, [(tenant, *row) for row in new])
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
    return not any(_asking(_HELD, len(some)).read(connection, (tenant, *some)) for some in _few(names))


def _rows(patient: PatientId, identity: Identity) -> _Rows:
    names = [f"Patient/{patient}", *(f"Patient/{one}" for one in identity.links), *identity.identifiers]
    return {(name, patient, identity.born, identity.is_replaced) for name in names}


def _said_by(connection: Connection, tenant: Tenant, patients: Collection[str]) -> _Rows:
    return {
        (name, patient, born, bool(is_replaced))
        for some in _few(patients)
        for name, patient, born, is_replaced in _asking(_SAID, len(some)).read(connection, (tenant, *some))
    }


def _holders(connection: Connection, tenant: Tenant, names: Collection[str]) -> set[str]:
    """Who has one of these names."""
    return {
        patient
        for some in in_batches(names)
        for patient in connection.scalars(
            select(bond.c.patient).where(bond.c.tenant == tenant, bond.c.name.in_(some))
        )
    }


def _crowded(connection: Connection, tenant: Tenant, identifiers: Iterable[str], most: int) -> set[str]:
    """Those of these that more patients have; as many as that are looked at, and no more."""
    found: set[str] = set()
    for some in in_batches(identifiers):
        asked = values(column("name", String), name="asked").data([(one,) for one in some]).cte()
        its = select(bond.c.patient).where(bond.c.tenant == tenant, bond.c.name == asked.c.name)
        found.update(connection.scalars(select(asked.c.name).where(its.limit(1).offset(most).exists())))
    return found


def _regroup(
    connection: Connection, tenant: Tenant, changed: set[PatientId], names: Collection[str], at: datetime
) -> set[PatientId]:
    before = members(connection, [(tenant, patient) for patient in changed])
    asked: set[str] = {*changed, *(one for same in before.values() for one in same)}
    # of what more have, nobody was joined by it until now
    most = MOST_HOLDERS + len(changed)
    known = _around(connection, tenant, asked, set(names), most)
    groups = people({*asked, *known}, known)
    now = {one: leader(group, known) if len(group) > 1 else None for group in groups for one in group}
    was = members(connection, [(tenant, PatientId(one)) for one in now])
    stood = {one: same[0] for (_, one), same in was.items()}
    others = {PatientId(one) for one, its in now.items() if its != stood.get(PatientId(one))}
    _change(connection, tenant, {one: now[one] for one in others}, at)
    joined = {PatientId(one) for group in groups if group & others for one in group}
    return joined | others | {left for one in others for left in was.get((tenant, one), ())}


def _around(
    connection: Connection, tenant: Tenant, patients: set[str], names: set[str], most: int
) -> dict[str, Identity]:
    """What all say who may be one person with these, or were until now; no identifier that more have."""
    said: _Rows = set()
    seen, left, crowded = set(patients), set(patients), set[str]()
    while left:
        rows = _said_by(connection, tenant, left)
        said |= rows
        names |= {row[0] for row in rows} | {f"Patient/{patient}" for patient in left}
        linked = {name.partition("/")[2] for name in names if _is_link(name)}
        identifiers = {name for name in names if not _is_link(name)}
        crowded |= _crowded(connection, tenant, identifiers - crowded, most)
        left = (_holders(connection, tenant, names - crowded) | linked) - seen
        seen |= left
        names = set()
    return _identities({row for row in said if row[0] not in crowded})


def _identities(rows: _Rows) -> dict[str, Identity]:
    names: dict[tuple[str, str, bool], list[str]] = {}
    for name, patient, born, is_replaced in sorted(rows):
        names.setdefault((patient, born, is_replaced), []).append(name)
    return {
        patient: Identity(
            links=tuple(it.partition("/")[2] for it in said if _is_link(it) and it != f"Patient/{patient}"),
            identifiers=tuple(it for it in said if not _is_link(it)),
            born=born,
            is_replaced=is_replaced,
        )
        for (patient, born, is_replaced), said in names.items()
    }


def _is_link(name: str) -> bool:
    return name.startswith("Patient/") and "|" not in name


def _change(connection: Connection, tenant: Tenant, now: Mapping[str, str | None], at: datetime) -> None:
    stands = (person.c.tenant == tenant, person.c.known_until.is_(None))
    for some in in_batches(now):
        connection.execute(update(person).where(*stands, person.c.patient.in_(some)).values(known_until=at))
    # a second change within the same instant takes the place of the first
    _PERSON.run(connection, [(tenant, one, microseconds(at), None, its) for one, its in now.items() if its])


@cache
def _asking(text: str, size: int) -> Statement:
    return Statement(text.format(", ".join("?" * size)))


def _few(names: Iterable[str]) -> Iterator[list[str]]:
    """The same in few sizes, the last name repeated: a driver prepares each text anew."""
    for some in in_batches(names):
        yield some + some[-1:] * ((1 << (len(some) - 1).bit_length()) - len(some))


def in_batches(names: Iterable[str]) -> Iterator[list[str]]:
    """As many at a time as one statement takes."""
    listed = sorted(names)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]
