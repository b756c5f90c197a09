"""New ids: never twice, in order (neighbours in time are neighbours on the disk), and unpredictable."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from uuid import RFC_4122, UUID

from referral_service.api.identity import mint

MANY = 2000  # several draws


def test_ids_are_version_4_uuids_in_order() -> None:
    minted = [mint() for _ in range(MANY)]
    ids = [UUID(one) for one in minted]
    assert [str(one) for one in ids] == minted
    assert {(one.version, one.variant) for one in ids} == {(4, RFC_4122)}
    # The one fall that may be: the beginning has passed its greatest number.
    falls = sum(later <= earlier for earlier, later in pairwise(ids))
    assert falls <= 1


def test_what_differs_is_not_only_a_count() -> None:
    ends = {mint()[-12:] for _ in range(MANY)}
    assert len(ends) == MANY


def test_no_id_comes_twice_from_many_threads() -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda _: mint(), range(8 * MANY)))
    assert len(set(ids)) == len(ids)
