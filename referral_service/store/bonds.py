"""What Patients say of who they are: each its own name, whom it links to, identifiers that name one person.

A name that too many have joins nobody (core/person.py); how many more there are is not looked at.
"""

from collections.abc import Collection, Iterable, Iterator
from functools import cache

from sqlalchemy import Boolean, Column, Connection, Index, String, column, delete, select, values

from referral_service.core.person import MOST_HOLDERS, MOST_LINKED, Identity
from referral_service.store.bulk import Statement, inserting
from referral_service.store.tables import key, table
from referral_service.workflow.ports import PatientId, Tenant

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

Rows = set[tuple[str, str, str, bool]]
_AT_ONCE = 500
_BOND = inserting(bond)
# Asked for directly, SQLite would read the bonds of the whole tenant.
_SAID = """SELECT name, patient, born, is_replaced FROM bond WHERE (tenant, name, patient) IN
    (SELECT tenant, name, patient FROM bond WHERE tenant = ? AND patient IN ({}))"""
_HELD = "SELECT name FROM bond WHERE tenant = ? AND name IN ({}) LIMIT 1"


def rows_of(patient: PatientId, identity: Identity) -> Rows:
    """Each name that a patient has or links to, with whose it is."""
    names = [f"Patient/{patient}", *(f"Patient/{one}" for one in identity.links), *identity.identifiers]
    return {(name, patient, identity.born, identity.is_replaced) for name in names}


def said_by(connection: Connection, tenant: Tenant, patients: Collection[str]) -> Rows:
    """What these say, as it is kept."""
    return {
        (name, patient, born, bool(is_replaced))
        for some in _few(patients)
        for name, patient, born, is_replaced in _asking(_SAID, len(some)).read(connection, (tenant, *some))
    }


def keep(connection: Connection, tenant: Tenant, before: Rows, wanted: Rows) -> None:
    """Brings what the patients of these rows say from `before` to `wanted`."""
    outdated = {row[1] for row in before - wanted}
    for patient in outdated:
        connection.execute(delete(bond).where(bond.c.tenant == tenant, bond.c.patient == patient))
    new = (row for row in wanted if row not in before or row[1] in outdated)
    _BOND.run(connection, [(tenant, *row) for row in new])


def is_held(connection: Connection, tenant: Tenant, names: Collection[str]) -> bool:
    """Whether anybody has one of these names."""
    return any(_asking(_HELD, len(some)).read(connection, (tenant, *some)) for some in _few(names))


def _holders(connection: Connection, tenant: Tenant, names: Collection[str]) -> set[str]:
    """Who has one of these names."""
    return {
        patient
        for some in in_batches(names)
        for patient in connection.scalars(
            select(bond.c.patient).where(bond.c.tenant == tenant, bond.c.name.in_(some))
        )
    }


def _crowded(connection: Connection, tenant: Tenant, names: Iterable[str], most: int) -> set[str]:
    """Those of these that more patients have; as many as that are looked at, and no more."""
    found: set[str] = set()
    for some in in_batches(names):
        asked = values(column("name", String), name="asked").data([(one,) for one in some]).cte()
        its = select(bond.c.patient).where(bond.c.tenant == tenant, bond.c.name == asked.c.name)
        found.update(connection.scalars(select(asked.c.name).where(its.limit(1).offset(most).exists())))
    return found


def around(
    connection: Connection, tenant: Tenant, patients: set[str], names: set[str], changed: int
) -> dict[str, Identity]:
    """What all say who may be one person with these patients, or who have or had these names.

    Without names that too many have, so many more than have `changed` now that they joined nobody before.
    """
    said: Rows = set()
    seen, left, crowded = set(patients), set(patients), set[str]()
    while left:
        rows = said_by(connection, tenant, left)
        said |= rows
        names |= {row[0] for row in rows} | {f"Patient/{patient}" for patient in left}
        linked = {name.partition("/")[2] for name in names if _is_link(name)}
        for of_links, most in ((True, MOST_LINKED + 1), (False, MOST_HOLDERS)):
            asked = {name for name in names - crowded if _is_link(name) is of_links}
            crowded |= _crowded(connection, tenant, asked, most + changed)
        left = (_holders(connection, tenant, names - crowded) | linked) - seen
        seen |= left
        names = set()
    return _identities({row for row in said if row[0] not in crowded or row[0] == f"Patient/{row[1]}"})


def _identities(rows: Rows) -> dict[str, Identity]:
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
