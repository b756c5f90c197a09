"""What somebody with all rights on the database may do to the ledger."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from sqlalchemy import Connection, Engine, select, text, update

from referral_service.store.tables import ledger, ledger_head, microseconds
from tests.kit.writes import TENANT


@contextmanager
def tampering(engine: Engine) -> Iterator[Connection]:
    """A transaction in which the ledger may be changed; afterwards it may not, as before."""
    with engine.begin() as connection:
        made = put_aside(connection)
        yield connection
        for each in made:
            connection.execute(text(each))


def put_aside(connection: Connection) -> list[str]:
    """Puts what refuses changes aside; what brings it back."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER USER"))
        return ["ALTER TABLE ledger ENABLE TRIGGER USER"]
    triggers = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
    for name, _ in triggers:
        connection.execute(text(f"DROP TRIGGER {name}"))
    return [made for _, made in triggers]


def cut(connection: Connection, last: int, tenant: str = TENANT) -> None:
    """Removes every line of a tenant after `last`, and makes the head fit."""
    own, head = ledger.c.tenant == tenant, ledger_head.c.tenant == tenant
    connection.execute(ledger.delete().where(own, ledger.c.seq > last))
    kept = connection.scalar(select(ledger.c.hash).where(own, ledger.c.seq == last))
    connection.execute(update(ledger_head).where(head).values(seq=last, hash=kept))


def rewrite(connection: Connection, first: int, tenant: str = TENANT, **changed: str) -> None:
    """Changes a tenant's line, then computes the chain anew from it, as the module's docstring says."""
    own, head = ledger.c.tenant == tenant, ledger_head.c.tenant == tenant
    if changed:
        connection.execute(update(ledger).where(own, ledger.c.seq == first).values(**changed))
    previous = connection.scalar(select(ledger.c.hash).where(own, ledger.c.seq == first - 1)) or ""
    later = select(ledger).where(own, ledger.c.seq >= first).order_by(ledger.c.seq)
    for line in connection.execute(later).all():
        covered = [line.tenant, line.seq, microseconds(line.at), *line[3:7], previous]
        words = json.dumps(covered, ensure_ascii=False, separators=(",", ":"))
        chained = {"previous": previous, "hash": sha256(words.encode()).hexdigest()}
        connection.execute(update(ledger).where(own, ledger.c.seq == line.seq).values(**chained))
        previous = chained["hash"]
    connection.execute(update(ledger_head).where(head).values(hash=previous))
