"""Every way in which servers tell of changes."""

import pytest

from referral_service.fake_ehr.server import FakeEhr
from referral_service.workflow.admit import KEPT
from tests.api.charts import condition, new_id, patient, score
from tests.notify.news import athena, bundle, event, focus, status, told
from tests.notify.partners import Json, Town, hub


def chart(ehr: FakeEhr, identity: str) -> None:
    """A patient at the EHR with a disc, a score and a practitioner."""
    ehr.put(patient(identity))
    ehr.put(condition(f"Patient/{identity}", id=f"{identity}-disc"))
    ehr.put(score(f"Patient/{identity}", 6, id=f"{identity}-score"))


def test_a_whole_resource_is_put_below_the_endpoint(town: Town) -> None:
    mia, disc = new_id("mia"), new_id("disc")
    town.told("plain", patient(mia), f"/Patient/{mia}", "PUT")
    town.told("plain", condition(f"Patient/{mia}", id=disc), f"/Condition/{disc}", "PUT")
    assert town.has(f"Patient/{mia}") and town.has(f"Condition/{disc}")


def test_a_whole_resource_is_posted_to_the_endpoint(town: Town) -> None:
    mia = new_id("mia")
    town.told("plain", patient(mia))
    assert town.has(f"Patient/{mia}")


def test_an_empty_body_asks_for_all_that_changed(town: Town) -> None:
    town.told("hooked", b"")
    assert town.errands().keys() == {"poll:Condition", "poll:Patient"}
    tom = new_id("tom")
    chart(town.ehr, tom)
    assert town.fetch("hooked", polls=True) == 2
    assert town.has(f"Patient/{tom}") and town.has(f"Condition/{tom}-disc")
    assert not town.has(f"Observation/{tom}-score")
    assert town.errands() == {}


def test_who_says_no_types_is_asked_for_all_that_are_kept(town: Town) -> None:
    town.told("hubbed", b"")
    assert {"poll:Condition", "poll:Patient", "poll:Organization"} <= town.errands().keys()
    assert len(town.errands()) == len(KEPT)
    town.forget()


def test_an_id_alone_brings_the_resource_and_the_chart_of_a_new_patient(town: Town) -> None:
    ann = new_id("ann")
    chart(town.ehr, ann)
    town.told("hubbed", told(1, f"https://ehr.example/fhir/Condition/{ann}-disc", of=ann))
    assert town.errands().keys() == {f"Condition/{ann}-disc"}
    assert town.fetch("hubbed") == 2
    assert all(map(town.has, (f"Patient/{ann}", f"Condition/{ann}-disc", f"Observation/{ann}-score")))
    assert town.errands() == {}


def test_a_patient_in_the_context_is_fetched_as_a_whole(town: Town) -> None:
    ben = new_id("ben")
    chart(town.ehr, ben)
    town.told("hubbed", told(1, f"Condition/{ben}-disc", f"Patient/{ben}", of=ben))
    assert town.errands().keys() == {f"Patient/{ben}"}
    assert town.fetch("hubbed") == 1
    assert town.has(f"Observation/{ben}-score")


def test_what_is_of_no_chart_is_fetched_beside_the_chart(town: Town) -> None:
    ben, doctor = new_id("ben"), new_id("doctor")
    chart(town.ehr, ben)
    town.ehr.put({"resourceType": "Practitioner", "id": doctor})
    town.told("hubbed", told(1, f"Practitioner/{doctor}", f"Patient/{ben}", of=ben))
    assert town.fetch("hubbed") == 2
    assert town.has(f"Observation/{ben}-score") and town.has(f"Practitioner/{doctor}")


def test_a_chart_that_is_due_is_fetched_though_its_patient_is_told_of_wrongly(town: Town) -> None:
    ben = new_id("ben")
    chart(town.ehr, ben)
    wrong = patient(ben, birthDate="soon")
    news = bundle(status("event-notification", 1, event(1, f"Condition/{ben}-disc", f"Patient/{ben}")), wrong)
    assert town.send("hubbed", news).status_code == 200
    assert town.fetch("hubbed") == 1
    assert town.has(f"Patient/{ben}") and town.has(f"Condition/{ben}-disc")
    assert town.errands() == {}


def test_entries_of_a_bundle_name_resources_too(town: Town) -> None:
    eve = new_id("eve")
    chart(town.ehr, eve)
    named = [
        {
            "fullUrl": f"https://ehr.example/fhir/Patient/{eve}",
            "request": {"method": "POST", "url": "Patient"},
        },
        {"fullUrl": "urn:uuid:1", "request": {"method": "DELETE", "url": f"Observation/{eve}-score"}},
        {"fullUrl": "urn:uuid:2", "request": {"method": "PUT", "url": "Appointment/5"}},
    ]
    said = status("event-notification", 1, event(1, f"Patient/{eve}"), of=eve)
    town.told("hubbed", bundle(said, *named))
    assert town.errands().keys() == {f"Patient/{eve}", f"Observation/{eve}-score"}
    assert town.fetch("hubbed") == 2


def test_athenahealths_way(town: Town) -> None:
    amy, bob = new_id("amy"), new_id("bob")
    chart(town.ehr, amy)
    chart(town.ehr, bob)
    events = [
        focus(f"Patient/{amy}"),
        focus("Appointment/a-1.B-2", f"Patient/{bob}"),
        focus(f"Patient/{bob}"),
    ]
    town.told("hubbed", athena(new_id("bundle"), *events))
    assert town.errands().keys() == {f"Patient/{amy}", f"Patient/{bob}"}
    assert town.fetch("hubbed") == 2
    assert town.has(f"Condition/{bob}-disc")


def test_a_full_bundle_brings_what_it_tells_of(town: Town) -> None:
    kim = new_id("kim")
    disc = condition(f"Patient/{kim}", id=f"{kim}-disc")
    said = status("event-notification", 1, event(1, f"Condition/{kim}-disc"), of=kim)
    claim = {"resourceType": "Claim", "id": "1"}
    town.told("plain", bundle(said, patient(kim), disc, claim))
    assert town.has(f"Patient/{kim}") and town.has(f"Condition/{kim}-disc")
    assert town.errands() == {}


@pytest.mark.parametrize("kind", ["collection", "transaction", "batch", "history"])
def test_a_bundle_of_bare_resources(town: Town, kind: str) -> None:
    lea = new_id("lea")
    disc: Json = condition(f"Patient/{lea}", id=f"{lea}-disc")
    entries = [
        {"resource": patient(lea), "request": {"method": "PUT", "url": f"Patient/{lea}"}},
        {"resource": disc, "request": {"method": "PUT", "url": f"Condition/{lea}-disc"}},
    ]
    town.told("plain", bundle(*entries, kind=kind))
    assert town.has(f"Condition/{lea}-disc")


def test_an_empty_event_asks_for_all_that_changed(town: Town) -> None:
    town.told("hooked", bundle(status("event-notification", 1, event(1), of=new_id("s"))))
    assert "poll:Condition" in town.errands()
    town.fetch("hooked", polls=True)
    assert town.errands() == {}


def test_a_handshake_and_a_heartbeat_change_nobody(town: Town) -> None:
    own = new_id("s")
    town.told("hooked", bundle(status("handshake", 0, of=own, state="requested")))
    town.told("hooked", bundle(status("heartbeat", 0, of=own)))
    assert town.errands() == {}


def test_what_is_gone_at_the_source_is_deleted_here(town: Town) -> None:
    pia = new_id("pia")
    chart(town.ehr, pia)
    town.told("hooked", told(1, f"Patient/{pia}", of=pia))
    town.fetch("hooked")
    for number, (send, name) in enumerate(
        [
            (lambda name: town.told("hooked", b"", f"/{name}", "DELETE"), f"Condition/{pia}-disc"),
            (lambda name: town.told("hooked", told(2, name, of=pia)), f"Observation/{pia}-score"),
            (lambda name: town.told("hooked", b"", f"/{name}", "PUT"), f"Patient/{pia}"),
        ],
        start=1,
    ):
        town.ehr.remove(*name.split("/"))
        send(name)
        town.fetch("hooked")
        assert not town.has(name), number
    assert town.counts("hooked")["deleted"] == 3


def test_medplum_tells_of_a_deletion_in_a_header(town: Town) -> None:
    zoe = new_id("zoe")
    chart(town.ehr, zoe)
    town.told("hubbed", told(1, f"Patient/{zoe}", of=zoe))
    town.fetch("hubbed")
    town.ehr.remove("Condition", f"{zoe}-disc")
    headers = {**hub(b"{}"), "X-Medplum-Deleted-Resource": f"Condition/{zoe}-disc"}
    assert town.send("hubbed", b"{}", headers=headers).status_code == 200
    town.fetch("hubbed")
    assert not town.has(f"Condition/{zoe}-disc") and town.has(f"Patient/{zoe}")
