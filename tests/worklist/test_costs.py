"""What lists and measures cost: the databases tell their plans, and PostgreSQL how many rows it read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, event, text

from referral_service.store import measuring
from referral_service.store.engine import connect
from referral_service.store.worklist import MOST_COUNTED, Asked, Worklist
from referral_service.workflow.ports import DEFAULT_TENANT
from tests.api.people import EXHAUSTED, House
from tests.kit.plans import most_rows
from tests.worklist.people import SYSTEM, named
from tests.worklist.test_lists import START, fill

STORED = 3 * MOST_COUNTED
YEAR = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
_TELL = """LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off; SET auto_explain.log_format = json;
SET auto_explain.log_level = notice; SET client_min_messages = notice"""
LOOKS: dict[str, Callable[[Engine], object]] = {
    "the measures of a year": lambda it: measuring.measured(it, DEFAULT_TENANT, *YEAR),
    "the loop of a year": lambda it: measuring.loop(it, DEFAULT_TENANT, *YEAR, YEAR[1]),
    "the yield of a year": lambda it: measuring.surgical_yield(it, DEFAULT_TENANT, *YEAR),
    **{
        f"list {asked[:4]}": lambda it, asked=asked: _two_pages(it, asked)  # type: ignore[misc]
        for asked in (
            Asked("review"),
            Asked("red-flag"),
            Asked("closed", target="surgical"),
            Asked("review", overdue_at=START),
            Asked("review", target="surgical"),
            Asked("review", target="intradiscal", region="cervical"),
            Asked("review", region="cervical", owner=""),
            Asked("review", owner="Practitioner/nobody"),
            Asked("review", target="surgical", identifier=f"{SYSTEM}|kaO-eoZ"),
        )
    },
}


def _two_pages(engine: Engine, asked: Asked) -> None:
    worklist = Worklist(engine, DEFAULT_TENANT)
    worklist.board(asked, 25, worklist.board(asked, 25).page.end)


@pytest.fixture(scope="module")
def full(house: House) -> House:
    """Thousands of referrals that wait for a reviewer, one of them with a patient who has a number."""
    named(house, "Zoe Oak", *EXHAUSTED)
    fill(house, STORED)
    with house.server.service.store.engine.begin() as connection:
        connection.execute(text("ANALYZE referral"))
    return house


@pytest.mark.parametrize("what", LOOKS)
def test_nothing_is_read_but_what_is_shown_or_counted(full: House, what: str) -> None:
    with told(full) as (engine, read):
        LOOKS[what](engine)

    assert read, "nothing was asked"
    assert all(rows <= MOST_COUNTED for rows, _ in read), max(read)


@contextmanager
def told(house: House) -> Iterator[tuple[Engine, list[tuple[float, str]]]]:
    """An engine; and of each of its statements the most rows that a step of its plan read, with the plan."""
    engine = connect(house.server.service.store.engine.url.render_as_string(hide_password=False))
    read: list[tuple[float, str]] = []
    asked: list[str] = []

    def listen(driver: Any, record: object) -> None:
        if engine.dialect.name == "sqlite":
            driver.set_trace_callback(asked.append)
            return
        driver.add_notice_handler(lambda notice: _explained(str(notice.message_primary), read))
        driver.execute(_TELL)
        driver.commit()

    event.listen(engine, "connect", listen)
    try:
        yield engine, read
        selects = [it for it in asked if it.startswith(("SELECT", "WITH"))]
        with house.server.service.store.engine.connect() as connection:
            for one in selects:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}").all()
                read += [(STORED if _is_scan(str(row[3])) else 0, f"{row[3]}: {one}") for row in plan]
    finally:
        engine.dispose()


def _is_scan(step: str) -> bool:
    """A walk through a table or all that a tenant has of it; what is asked for is no table."""
    is_walk = step.startswith("SCAN ") and step.split()[1] in (
        "referral",
        "resource",
        "episode",
        "fact",
        "token",
    )
    return is_walk or step.endswith("(tenant=?)")


def _explained(said: str, read: list[tuple[float, str]]) -> None:
    plan = said.partition("plan:\n")[2]
    if plan:
        found = orjson.loads(plan)
        read.append((most_rows(found["Plan"]), str(found)))
