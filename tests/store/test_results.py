"""What an evaluation changes: one transaction, read back as it was, and never a second open referral."""

from msgspec.structs import replace

from referral_service.store.store import SqlStore
from referral_service.workflow.ports import Chart, Claim, Happening, Referral
from tests.kit.clocks import HandClock
from tests.kit.writes import TENANT, condition, emitted, episode, proposal, received, result


def claimed(store: SqlStore, clock: HandClock, *patients: str) -> list[Claim]:
    """Something new about each of them, and their claims, in this order."""
    clock.pass_by(seconds=200)
    for name in patients:
        write = condition(f"of-{name}", name, said=clock.at.isoformat())
        store.commit(TENANT, [write], [received(write)])
    found: dict[str, Claim] = {}
    while claims := store.claim(10, clock.as_of()):
        found |= {claim.patient: claim for claim in claims}
    return [found[name] for name in patients]


def chart(store: SqlStore, clock: HandClock, patient: str = "ann") -> Chart:
    (found,) = store.load(claimed(store, clock, patient))
    return found


def draft(store: SqlStore, clock: HandClock, *referrals: Referral, patient: str = "ann") -> bool:
    (claim,) = claimed(store, clock, patient)
    return store.save([result(claim, referrals=referrals)])[0]


def test_what_was_decided_is_there_for_the_next_evaluation(store: SqlStore, clock: HandClock) -> None:
    (claim,) = claimed(store, clock, "ann")
    found = result(
        claim,
        writes=(emitted("GuidanceResponse", "guidance-1", "ann"),),
        episodes=(episode(),),
        referrals=(proposal(1), replace(proposal(2), target=None, task="review-1")),
        happenings=(Happening("decided", "GuidanceResponse/guidance-1", "service"),),
    )

    assert store.save([found]) == [True]

    after = chart(store, clock)
    assert after.episodes == (episode(),)
    assert set(after.referrals) == set(found.referrals)
    assert [fact.source for fact in after.facts] == ["Condition/of-ann"]
    assert store.read(TENANT, "GuidanceResponse", "guidance-1") is not None
    assert store.verify_ledger(TENANT).lines == 3


def test_charts_come_in_the_order_of_their_claims(store: SqlStore, clock: HandClock) -> None:
    claims = claimed(store, clock, "ann", "bob", "mia")

    charts = store.load(claims[::-1])

    assert [found.claim for found in charts] == claims[::-1]
    assert [found.facts[0].source for found in charts] == [f"Condition/of-{n}" for n in ("mia", "bob", "ann")]


def test_a_new_decision_takes_the_place_of_the_last(store: SqlStore, clock: HandClock) -> None:
    for outcome in ("in-trial", "exhausted"):
        (claim,) = claimed(store, clock, "ann")
        store.save([result(claim, episodes=(episode(outcome=outcome),), pathway="v1")])

    assert [it.decision.outcome for it in chart(store, clock).episodes] == ["exhausted"]
    assert store.counts().tallies["evaluations"] == {"in-trial v1": 1, "exhausted v1": 1}


def test_a_second_open_proposal_of_one_region_and_target_is_impossible(
    store: SqlStore, clock: HandClock
) -> None:
    assert draft(store, clock, proposal(1))

    assert not draft(store, clock, proposal(2))
    assert draft(store, clock, replace(proposal(3), target="intradiscal"))
    assert draft(store, clock, replace(proposal(4), region="cervical"))
    assert draft(store, clock, proposal(5), patient="bob")
    assert draft(store, clock, proposal(6, status="on-hold"))

    assert store.counts().referrals == {
        ("requested", "surgical", "elective"): 3,
        ("requested", "intradiscal", "elective"): 1,
    }


def test_a_second_open_urgent_proposal_of_one_patient_is_impossible(
    store: SqlStore, clock: HandClock
) -> None:
    assert draft(store, clock, proposal(1, urgency="urgent"), proposal(2))

    assert not draft(store, clock, replace(proposal(3, urgency="urgent"), region="cervical"))
    assert draft(store, clock, proposal(4, urgency="urgent"), patient="bob")


def test_an_identifier_is_given_once(store: SqlStore, clock: HandClock) -> None:
    assert draft(store, clock, proposal(1, status="revoked"))

    assert not draft(store, clock, replace(proposal(2), identifier="identifier-1"), patient="bob")


def test_a_withdrawn_proposal_makes_room_in_the_same_transaction(store: SqlStore, clock: HandClock) -> None:
    assert draft(store, clock, proposal(1))

    assert draft(store, clock, proposal(2), proposal(1, status="revoked"))

    assert {it.id: it.status for it in chart(store, clock).referrals} == {
        "request-1": "revoked",
        "request-2": "draft",
    }


def test_what_the_database_refuses_harms_no_neighbour_and_is_tried_again(
    store: SqlStore, clock: HandClock
) -> None:
    assert draft(store, clock, proposal(1))
    claims = claimed(store, clock, "ann", "bob")

    verdicts = store.save(
        [
            result(claims[0], referrals=(proposal(2),), episodes=(episode(),)),
            result(claims[1], referrals=(proposal(3),)),
        ]
    )

    assert verdicts == [False, True]
    assert store.claim(10, clock.as_of()) == []
    clock.pass_by(seconds=3)
    (again,) = store.claim(10, clock.as_of())
    (found,) = store.load([again])
    assert [it.id for it in found.referrals] == ["request-1"]
    assert found.episodes == ()


def test_a_write_in_the_wrong_version_drops_its_result_alone(store: SqlStore, clock: HandClock) -> None:
    claims = claimed(store, clock, "ann", "bob")
    late = replace(emitted("GuidanceResponse", "g", "ann"), expected=4)

    verdicts = store.save([result(claims[0], writes=(late,), referrals=(proposal(1),)), result(claims[1])])

    assert verdicts == [False, True]
    assert [claim.patient for claim in store.claim(10, clock.as_of())] == ["ann"]
    assert store.counts().referrals == {}
