"""What a line says of a decision is kept beside it; a database of before has it worked out."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from referral_service.core.brief import Brief
from referral_service.store import bodies
from referral_service.store.engine import connect, is_migrated, migrate
from tests.api.people import CAUDA, EXHAUSTED, UNCLEAR, House
from tests.worklist.people import named


def briefs(engine: Engine) -> dict[Any, Brief]:
    """By tenant, patient and key."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT tenant, patient, key, body FROM brief")).all()
    return {(tenant, patient, key): bodies.brief(bytes(body)) for tenant, patient, key, body in rows}


def of(house: House, patient: str) -> Brief:
    (found,) = (it for (_, who, _), it in briefs(house.server.service.store.engine).items() if who == patient)
    return found


def test_a_trial_in_brief(house: House) -> None:
    found = of(house, named(house, "Nora Elm", *EXHAUSTED))

    assert (found.outcome, found.region, found.flags, found.needs) == ("exhausted", "lumbar", (), ())
    assert found.days and found.visits
    assert [(it.concept, f"{it.first} {it.last}") for it in found.changes] == [("odi_score", "48 46")]


def test_what_is_missing_and_what_alarms_in_brief(house: House) -> None:
    unclear, flagged = of(house, house.chart(*UNCLEAR)), of(house, house.chart(*EXHAUSTED, CAUDA))

    assert unclear.needs == (("imaging", 1),) and unclear.reasons
    assert [it.concept for it in flagged.flags] == ["cauda_equina_syndrome"]


def test_a_corrected_score_is_said_as_it_is_now(house: House) -> None:
    patient = named(house, "Carl Birch", *EXHAUSTED)
    (last, *_) = house.server.search("Observation", patient=f"Patient/{patient}", _sort="-date")["entry"]
    score = last["resource"]
    score["valueQuantity"]["value"] = 47

    assert house.server.put(score).is_success
    house.judge()

    (change,) = of(house, patient).changes
    assert f"{change.first} {change.last}" == "48 47"


@pytest.mark.parametrize("is_joined", [False, True], ids=["one patient", "two who are one person"])
def test_a_database_of_before_says_the_same(house: House, is_joined: bool) -> None:
    patient = named(house, "Ruth Alder", *EXHAUSTED, CAUDA)
    other = named(house, "Ruth Alder", *EXHAUSTED, CAUDA)
    if is_joined:
        (entry,) = house.server.search("Patient", _id=other)["entry"]
        link = {"other": {"reference": f"Patient/{patient}"}, "type": "seealso"}
        assert house.server.put({**entry["resource"], "link": [link]}).is_success
        house.judge()
    address = house.server.service.store.engine.url.render_as_string(hide_password=False)
    engine = connect(address)
    before = briefs(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE brief"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0010'"))

    migrate(engine)

    assert is_migrated(engine) and briefs(engine) == before
    engine.dispose()
