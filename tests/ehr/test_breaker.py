"""A side that fails again and again is left alone, then asked once, and as before once it is well."""

from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from time import monotonic

import pytest

from referral_service.core.problem import Category, Problem, problem
from referral_service.ehr.breaker import Breaker, Resting
from referral_service.ehr.endpoint import Limits
from tests.ehr.conftest import Client, Watch
from tests.ehr.other_side import OtherSide, Talk, free_port, gives, other_side, patient, says

BRITTLE = Limits(tries=1, failures=3, rest_seconds=30)


pytestmark = pytest.mark.usefixtures("watch")


def outcomes(ehr: object, count: int) -> list[str]:
    """What that many readings bring."""

    def outcome() -> str:
        try:
            return "found" if ehr.read("Patient/1") else "none"  # type: ignore[attr-defined]
        except Problem as error:
            return "resting" if isinstance(error, Resting) else error.category.name.lower()

    return [outcome() for _ in range(count)]


def test_after_failures_in_a_row_nothing_is_sent_for_a_while(client: Client, watch: Watch) -> None:
    with other_side(says(500), says(500), says(500), gives(patient("1"))) as side:
        ehr = client(side.fhir, BRITTLE)
        assert outcomes(ehr, 5) == ["interrupted"] * 3 + ["resting"] * 2
        assert len(side.asked) == 3
        watch.passes(29)
        with pytest.raises(Problem) as caught:
            ehr.transaction({"resourceType": "Bundle", "type": "transaction"})
        assert caught.value.category is Category.UNAVAILABLE
        assert caught.value.wait_seconds == 1
        watch.passes(1)
        assert outcomes(ehr, 3) == ["found"] * 3


def test_a_probe_that_fails_begins_the_rest_anew(client: Client, watch: Watch) -> None:
    with other_side(says(500)) as side:
        ehr = client(side.fhir, BRITTLE)
        outcomes(ehr, 3)
        watch.passes(30)
        assert outcomes(ehr, 1) == ["interrupted"]
        watch.passes(29)
        assert outcomes(ehr, 1) == ["resting"]
        assert len(side.asked) == 4


def test_one_call_probes_while_the_others_are_told_at_once(client: Client, watch: Watch) -> None:
    told = Semaphore(0)

    def once_the_others_are_told(talk: Talk) -> None:
        assert all(told.acquire(timeout=20) for _ in range(3))
        gives(patient("1"))(talk)

    with other_side(says(500), says(500), says(500), once_the_others_are_told) as side:
        ehr = client(side.fhir, BRITTLE)
        outcomes(ehr, 3)
        watch.passes(30)

        def one(_: int) -> str:
            (outcome,) = outcomes(ehr, 1)
            if outcome == "resting":
                told.release()
            return outcome

        with ThreadPoolExecutor(4) as threads:
            assert sorted(threads.map(one, range(4))) == ["found", "resting", "resting", "resting"]
        assert len(side.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429])
def test_a_side_that_answers_is_well(client: Client, status: int) -> None:
    with other_side(says(500), says(500), says(status), says(500), says(500), says(status)) as side:
        assert "resting" not in outcomes(client(side.fhir, BRITTLE), 9)
        assert len(side.asked) == 9


def test_a_side_that_is_not_there_is_left_alone(client: Client) -> None:
    ehr = client(f"http://127.0.0.1:{free_port()}/fhir", BRITTLE)
    assert outcomes(ehr, 4) == ["unavailable"] * 3 + ["resting"]


def test_retries_end_when_it_opens(client: Client) -> None:
    with other_side(says(500)) as side:
        ehr = client(side.fhir, Limits(tries=10, backoff_seconds=0.01, failures=3, rest_seconds=30))
        start = monotonic()
        assert outcomes(ehr, 1) == ["resting"]
        assert len(side.asked) == 3
        assert monotonic() - start < 1.0


def test_what_goes_wrong_on_our_side_says_nothing_of_the_other() -> None:
    breaker = Breaker(failures=1, rest_seconds=0.0)

    def fail(error: Exception) -> None:
        with pytest.raises(type(error)), breaker.call():
            raise error

    fail(problem(Category.INTERRUPTED, "Cut."))
    for _ in range(3):
        fail(KeyError("a fault of ours, in the probe"))
    with breaker.call(), pytest.raises(Resting), breaker.call():
        pytest.fail("two probes at once")
    with breaker.call(), breaker.call():
        pass


def test_each_endpoint_has_its_own(client: Client) -> None:
    def both(side: OtherSide) -> tuple[object, object]:
        return client(side.fhir, BRITTLE), client(f"{side.address}/other", BRITTLE)

    with other_side(says(500)) as side:
        first, second = both(side)
        assert outcomes(first, 4)[-1] == "resting"
        assert outcomes(second, 1) == ["interrupted"]
