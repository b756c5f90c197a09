"""Order and repetition: what arrives early counts later, what arrives twice counts once."""

from time import monotonic, sleep

from sqlalchemy import func, select

from referral_service.store.tables import fact, ledger, resource_version
from referral_service.store.tables import patient as patients
from tests.api.charts import condition, entry, new_id, patient, therapy
from tests.kit.server import Running, ids


def test_a_resource_may_come_before_its_patient_and_its_reason(server: Running) -> None:
    who, why = new_id(), new_id("c")
    visit = therapy(
        f"Patient/{who}", "2026-01-05", id=new_id("v"), reasonReference=[{"reference": f"Condition/{why}"}]
    )
    assert server.put(visit).status_code == 201
    assert server.put(condition(f"Patient/{who}", id=why)).status_code == 201
    assert server.put(patient(who)).status_code == 201
    assert ids(server.search("Procedure", patient=who)) == [visit["id"]]
    with server.service.store.engine.connect() as connection:
        changes = connection.scalar(select(patients.c.changes).where(patients.c.id == who))
        sources = connection.scalars(select(fact.c.source).where(fact.c.patient == who)).all()
    assert changes == 3
    assert set(sources) == {f"Procedure/{visit['id']}", f"Condition/{why}", f"Patient/{who}"}


def test_the_same_chart_twice_changes_nothing(server: Running) -> None:
    who = new_id()
    chart = [
        entry("PUT", f"Patient/{who}", patient(who)),
        entry("PUT", f"Condition/{who}-c", condition(f"Patient/{who}", id=f"{who}-c")),
    ]
    assert server.send("transaction", *chart).status_code == 200
    before = server.dump()
    assert server.send("transaction", *reversed(chart)).status_code == 200
    for one in chart:
        assert server.put(one["resource"]).status_code == 200
    assert server.dump() == before


def test_a_condition_that_moves_to_another_patient_concerns_both(server: Running) -> None:
    one, other = new_id(), new_id()
    moved = condition(f"Patient/{one}", id=new_id("c"))
    server.put(moved)
    server.put({**moved, "subject": {"reference": f"Patient/{other}"}})
    assert server.search("Condition", patient=one)["total"] == 0
    assert server.search("Condition", patient=other)["total"] == 1
    with server.service.store.engine.connect() as connection:
        changes = dict(
            connection.execute(
                select(patients.c.id, patients.c.changes).where(patients.c.id.in_([one, other]))
            ).all()
        )
    assert changes == {one: 2, other: 1}


def test_every_write_is_in_the_ledger_with_its_actor(server: Running) -> None:
    who = new_id()
    server.put(patient(who), x_actor="Practitioner/nurse-7")
    server.put(patient(who, birthDate="1970"))
    server.http.delete(f"/Patient/{who}")
    with server.service.store.engine.connect() as connection:
        lines = connection.execute(
            select(ledger.c.kind, ledger.c.actor)
            .where(ledger.c.subject == f"Patient/{who}")
            .order_by(ledger.c.seq)
        ).all()
        versions = connection.scalar(
            select(func.count()).select_from(resource_version).where(resource_version.c.id == who)
        )
    assert [tuple(line) for line in lines] == [
        ("received", "Practitioner/nurse-7"),
        ("received", "Practitioner/demo"),
        ("deleted", "Practitioner/demo"),
    ]
    assert versions == 2


def test_what_was_stored_rings_the_bell(server: Running) -> None:
    server.post(patient())
    messages = server.service.settings.broker_folder / "messages"
    end = monotonic() + 10
    while not any(messages.iterdir()):
        assert monotonic() < end, "no message to the workers"
        sleep(0.02)
