"""Random tampering with the ledger by somebody who may do everything with the database, and has not the key.

Each is one transaction on ledgers of two tenants whose heads were sealed: a value changed, lines removed,
added, swapped, given to somebody else; the end cut off, a line changed or taken out and the chain computed
anew with a head that fits. What verification says of it counts; then it is rolled back.

Run: python -m tests.faults.tampering --times 10000 [--seed N]
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, text, update
from sqlalchemy.exc import DBAPIError

from referral_service.store import ledger as chain
from referral_service.store.engine import connect
from referral_service.store.ledger import Head
from referral_service.store.store import SqlStore
from referral_service.store.tables import ledger, ledger_head
from referral_service.workflow.ports import Happening, Tenant
from tests.kit.clocks import HandClock
from tests.kit.databases import postgresql
from tests.kit.tampering import cut, put_aside, rewrite

TENANTS = (Tenant("north"), Tenant("south"))
LINES = 30
_COLUMNS = [one.name for one in ledger.columns]
_NUMBERS = frozenset({"seq", "at"})
_LETTERS = "aZ09 /\"'\\{}:é\u2028"


class Place(NamedTuple):
    """A database with ledgers, their sealed heads, and chance."""

    connection: Connection
    random: Random
    heads: Sequence[Head]

    @property
    def tenant(self) -> str:
        """Either."""
        return self.random.choice(TENANTS)

    @property
    def number(self) -> int:
        """That of a line."""
        return self.random.randint(1, LINES)

    def value(self, column: str, before: Any) -> Any:
        """Something else that may stand there: much like it, or not at all."""
        if column in _NUMBERS:
            return self.random.choice([before + 1, before - 1, -before, self.random.randrange(2**62)])
        anything = "".join(self.random.choices(_LETTERS, k=self.random.randint(0, 8)))
        alike = [before + " ", before[1:], before[:-1], before.swapcase(), before[::-1], anything]
        if self.connection.dialect.name == "sqlite":  # lets any column hold anything
            alike.append(before.encode())
        return self.random.choice(alike)

    def row(self, tenant: str, number: int) -> dict[str, Any]:
        """A line as the table has it."""
        names = ", ".join(f'"{name}"' for name in _COLUMNS)
        asked = text(f"SELECT {names} FROM ledger WHERE tenant = :tenant AND seq = :seq")
        found = self.connection.execute(asked, {"tenant": tenant, "seq": number}).one()
        return dict(zip(_COLUMNS, found, strict=True))

    def put(self, owner: str, number: int, **changed: Any) -> None:
        """Other values in a line, as they are."""
        for name, value in changed.items():
            asked = text(f'UPDATE ledger SET "{name}" = :value WHERE tenant = :tenant AND seq = :seq')
            self.connection.execute(asked, {"value": value, "tenant": owner, "seq": number})

    def add(self, row: dict[str, Any]) -> None:
        """One line more."""
        names = ", ".join(f'"{name}"' for name in row)
        values = ", ".join(f":{name}" for name in row)
        self.connection.execute(text(f"INSERT INTO ledger ({names}) VALUES ({values})"), row)


def _change(place: Place) -> None:
    tenant, number, column = place.tenant, place.number, place.random.choice(_COLUMNS)
    place.put(tenant, number, **{column: place.value(column, place.row(tenant, number)[column])})


def _remove(place: Place) -> None:
    numbers = [place.number for _ in range(place.random.randint(1, 4))]
    place.connection.execute(delete(ledger).where(ledger.c.tenant == place.tenant, ledger.c.seq.in_(numbers)))


def _add(place: Place) -> None:
    tenant = place.tenant
    seq = place.random.choice([LINES + 1, LINES + place.number, 0, -place.number])
    last = place.row(tenant, LINES)["hash"]
    place.add({**place.row(tenant, place.number), "seq": seq, "previous": last})


def _swap(place: Place) -> None:
    tenant, one, other = place.tenant, place.number, place.number
    for before, after in ((one, -7), (other, one), (-7, other)):
        place.put(tenant, before, seq=after)


def _swap_contents(place: Place) -> None:
    tenant, one, other = place.tenant, place.number, place.number
    first, second = place.row(tenant, one), place.row(tenant, other)
    names = place.random.sample(["at", "kind", "subject", "actor", "detail"], 2)
    place.put(tenant, one, **{name: second[name] for name in names})
    place.put(tenant, other, **{name: first[name] for name in names})


def _give_away(place: Place) -> None:
    place.put(TENANTS[0], place.number, tenant=place.random.choice([TENANTS[1], "elsewhere", ""]))


def _exchange(place: Place) -> None:
    """Both tenants' lines of one number change places."""
    number = place.number
    place.put(TENANTS[0], number, tenant="between")
    place.put(TENANTS[1], number, tenant=TENANTS[0])
    place.put("between", number, tenant=TENANTS[1])


def _another_head(place: Place) -> None:
    changed: dict[str, Any] = place.random.choice(
        [
            {"seq": place.number - 1},
            {"seq": LINES + place.number},
            {"hash": "0" * 64},
            {"tenant": "elsewhere"},
        ]
    )
    place.connection.execute(
        update(ledger_head).where(ledger_head.c.tenant == place.tenant).values(**changed)
    )


def _no_head(place: Place) -> None:
    place.connection.execute(delete(ledger_head).where(ledger_head.c.tenant == place.tenant))


def _cut_off(place: Place) -> None:
    cut(place.connection, place.random.randint(1, LINES - 1), place.tenant)


def _anew(place: Place) -> None:
    column = place.random.choice(["kind", "subject", "actor", "detail"])
    tenant, number = place.tenant, place.number
    rewrite(
        place.connection,
        number,
        tenant,
        **{column: place.row(tenant, number)[column] + place.random.choice(" x")},
    )


def _taken_out(place: Place) -> None:
    """A line goes, those after it move up, and all of it is computed anew."""
    tenant, gone = place.tenant, place.random.randint(1, LINES - 1)
    own = ledger.c.tenant == tenant
    place.connection.execute(delete(ledger).where(own, ledger.c.seq == gone))
    for number in range(gone + 1, LINES + 1):
        place.put(tenant, number, seq=number - 1)
    place.connection.execute(update(ledger_head).where(ledger_head.c.tenant == tenant).values(seq=LINES - 1))
    rewrite(place.connection, gone, tenant)


def _gone(place: Place) -> None:
    tenant = place.tenant
    for one in (ledger, ledger_head):
        place.connection.execute(delete(one).where(one.c.tenant == tenant))


KINDS: dict[str, Callable[[Place], None]] = {
    "a value changed": _change,
    "lines removed": _remove,
    "a line added": _add,
    "two lines swapped": _swap,
    "what two lines say swapped": _swap_contents,
    "a line of somebody else's": _give_away,
    "two tenants' lines exchanged": _exchange,
    "another head": _another_head,
    "no head": _no_head,
    "the end cut off": _cut_off,
    "computed anew": _anew,
    "taken out and computed anew": _taken_out,
    "all of a tenant's": _gone,
}


def tamper(store: SqlStore, times: int, random: Random) -> Iterator[tuple[str, bool]]:
    """So many tamperings that change something: of which kind each is, and whether it is found."""
    heads, before, done = store.ledger_heads(), _held(store), 0
    while done < times:
        kind = random.choice(list(KINDS))
        with _undone(store) as connection:
            try:
                KINDS[kind](Place(connection, random, heads))
            except DBAPIError:  # the database itself refuses, such as two lines of one number
                continue
            if _rows(connection) == before:
                continue
            done += 1
            yield kind, _is_found(connection, heads)


def fill(store: SqlStore) -> SqlStore:
    """Lines of two tenants, at the same instants and of the same things."""
    for number in range(LINES):
        for tenant in TENANTS:
            line = Happening("approved", f"ServiceRequest/{number % 7}", "Practitioner/x", {"n": str(number)})
            store.commit(tenant, [], [line])
    return store


def main() -> int:
    """0 when every one was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.tampering")
    parser.add_argument("--times", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    in_server, missed = asked.times // 10, 0
    with tempfile.TemporaryDirectory() as folder, postgresql() as server:
        for address, times in (
            (f"sqlite:///{Path(folder) / 'ledger.db'}", asked.times - in_server),
            (server, in_server),
        ):
            store = SqlStore(connect(address), HandClock())
            store.migrate()
            counted = Counter(tamper(fill(store), times, Random(asked.seed)))
            store.close()
            for kind in KINDS:
                found, lost = counted[kind, True], counted[kind, False]
                print(f"{address.partition(':')[0]}: {kind}: {found:,} found, {lost:,} not")
                missed += lost
    print(f"{asked.times - missed:,} of {asked.times:,} found; --seed {asked.seed}")
    return 1 if missed else 0


def _is_found(connection: Connection, heads: Sequence[Head]) -> bool:
    is_broken = any(chain.verify(connection, one).broken_at for one in chain.tenants(connection))
    return is_broken or bool(chain.missing(connection, heads))


@contextmanager
def _undone(store: SqlStore) -> Iterator[Connection]:
    with store.engine.connect() as connection:
        put_aside(connection)
        yield connection
        connection.rollback()


def _rows(connection: Connection) -> list[list[Any]]:
    """Everything, as it is kept."""
    named = ((one.name, ", ".join(f'"{it.name}"' for it in one.columns)) for one in (ledger, ledger_head))
    return [
        sorted(map(repr, connection.execute(text(f"SELECT {names} FROM {name}")))) for name, names in named
    ]


def _held(store: SqlStore) -> list[list[Any]]:
    with store.engine.connect() as connection:
        return _rows(connection)


if __name__ == "__main__":
    sys.exit(main())
