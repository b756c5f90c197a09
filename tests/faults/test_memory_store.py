"""The store in memory keeps the contract of the SQL store: the same tests, as far as they ask for ports."""

import pytest

from tests.faults.memory_store import MemoryStore
from tests.kit.clocks import HandClock
from tests.store import test_claims, test_commit, test_queue, test_results
from tests.store.conftest import LEASE_SECONDS

_CONTRACT = (
    test_claims.test_a_late_failure_of_a_lost_lease_changes_nothing,
    test_claims.test_a_patient_is_nobody_elses_until_the_lease_ends,
    test_claims.test_after_a_failure_the_next_attempt_comes_later,
    test_claims.test_what_arrives_meanwhile_makes_the_result_worthless,
    test_claims.test_whoever_has_waited_longest_comes_first,
    test_claims.test_whoever_may_have_ended_a_process_is_claimed_alone,
    test_claims.test_whom_a_dead_worker_held_is_due_at_once,
    test_commit.test_a_first_version_is_one_and_can_be_read_at_once,
    test_commit.test_a_new_body_is_a_new_version_and_the_old_one_stays,
    test_commit.test_a_version_that_is_not_the_expected_one_is_refused,
    test_commit.test_time_moves_on_with_each_version_even_where_the_clock_stands,
    test_commit.test_what_is_already_stored_changes_nothing,
    test_queue.test_a_batch_is_never_larger_than_asked_and_nobody_is_in_it_twice,
    test_queue.test_one_noisy_sender_starves_no_other,
    test_queue.test_time_goes_on_for_others_however_long_the_queue,
    test_queue.test_what_a_sender_once_sent_counts_for_nothing_later,
    test_queue.test_whoever_fails_again_and_again_lets_nobody_else_pass_the_queue,
    test_queue.test_whoever_waits_already_moves_up_when_a_red_flag_arrives,
    test_results.test_a_second_open_urgent_proposal_of_one_patient_is_impossible,
    test_results.test_a_withdrawn_proposal_makes_room_in_the_same_transaction,
    test_results.test_an_identifier_is_given_once,
    test_results.test_charts_come_in_the_order_of_their_claims,
    test_results.test_what_the_database_refuses_harms_no_neighbour_and_is_tried_again,
    test_results.test_what_was_decided_is_there_for_the_next_evaluation,
)
globals().update({test.__name__: test for test in _CONTRACT})


@pytest.fixture
def clock() -> HandClock:
    """The store's clock."""
    return HandClock()


@pytest.fixture
def store(clock: HandClock) -> MemoryStore:
    """An empty store."""
    return MemoryStore(clock, LEASE_SECONDS)
