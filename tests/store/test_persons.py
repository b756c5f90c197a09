"""Who is one person, in both databases: names that too many have, and who is claimed."""

from msgspec.structs import replace

from referral_service.core.person import MOST_HOLDERS, MOST_LINKED, Identity
from referral_service.store.bonds import _SAID
from referral_service.store.engine import reading
from referral_service.store.persons import members, whole
from referral_service.store.store import SqlStore
from referral_service.workflow.ports import PatientId, Write
from tests.kit.clocks import HandClock
from tests.kit.writes import TENANT, condition, received, result

PLACEHOLDER = Identity(identifiers=("urn:numbers|0",))


def patient(name: str, identity: Identity = PLACEHOLDER) -> Write:
    body = f'{{"resourceType":"Patient","id":"{name}","said":"{identity}"}}'.encode()
    return Write(
        type="Patient", id=name, body=body, patient=PatientId(name), facts=(), terms=(), identity=identity
    )


def arrive(store: SqlStore, *writes: Write) -> None:
    """In one transaction."""
    store.commit(TENANT, writes, [received(write) for write in writes])


def many(name: str, number: int = MOST_HOLDERS) -> list[Write]:
    return [patient(f"{name}-{place:02}") for place in range(number)]


def person(store: SqlStore, name: str) -> set[str]:
    with reading(store.engine) as connection:
        return set(whole(connection, TENANT, PatientId(name)))


def test_two_that_come_at_once_are_not_joined_by_what_many_have(store: SqlStore) -> None:
    arrive(store, *many("first", 2 * MOST_HOLDERS))

    arrive(store, patient("ann"), patient("zoe"))

    assert person(store, "ann") == {"ann"}
    assert person(store, "first-00") == {"first-00"}


def test_many_that_come_at_once_separate_those_who_had_it(store: SqlStore) -> None:
    arrive(store, *many("first"))
    assert len(person(store, "first-00")) == MOST_HOLDERS

    arrive(store, *many("second", 2 * MOST_HOLDERS))

    assert person(store, "first-00") == {"first-00"}
    assert person(store, "second-00") == {"second-00"}


def test_few_are_left_of_many(store: SqlStore) -> None:
    arrive(store, *many("first", 2 * MOST_HOLDERS))

    arrive(
        store, *(replace(one, body=b"{}", identity=Identity()) for one in many("first", 2 * MOST_HOLDERS - 2))
    )

    assert person(store, "first-15") == {"first-14", "first-15"}


def test_nobody_is_claimed_whom_another_leads(store: SqlStore, clock: HandClock) -> None:
    for number in range(4):
        linked = Identity(links=(f"zoe-{number}",))
        arrive(store, patient(f"ann-{number}", linked), patient(f"zoe-{number}", Identity()))
    store.save([result(one) for one in store.claim(9, clock.as_of())])
    arrive(store, *(condition(f"{one}", f"zoe-{one}", is_pressing=True) for one in range(4)))

    claimed = []
    while some := store.claim(1, clock.as_of()):
        claimed += [claim.patient for claim in some]

    assert sorted(claimed) == [f"ann-{number}" for number in range(4)]


def test_a_link_counts_where_more_link_than_may_have_one_identifier(store: SqlStore) -> None:
    names = [f"old-{place:02}" for place in range(MOST_HOLDERS + 4)]
    for name in names:
        arrive(store, patient(name, Identity(links=("zoe",), is_replaced=True)))

    arrive(store, patient("zoe", Identity()))

    assert person(store, "old-00") == person(store, "zoe") == {"zoe", *names}


def test_what_too_many_link_to_joins_nobody_until_they_are_fewer(store: SqlStore) -> None:
    linking = [patient(f"ann-{place:02}", Identity(links=("unknown",))) for place in range(MOST_LINKED + 1)]
    arrive(store, patient("unknown", Identity(links=("zoe",))), patient("zoe", Identity()))
    arrive(store, *linking[1:])
    assert len(person(store, "zoe")) == MOST_LINKED + 2

    arrive(store, linking[0])
    assert [person(store, name) for name in ("ann-00", "ann-01")] == [{"ann-00"}, {"ann-01"}]
    assert person(store, "unknown") == {"unknown", "zoe"}

    arrive(store, replace(linking[7], body=b"{}", identity=Identity()))
    assert person(store, "ann-07") == {"ann-07"}
    assert len(person(store, "zoe")) == MOST_LINKED + 2


def test_those_of_a_large_person_are_told_once_for_all_of_them(store: SqlStore) -> None:
    """Each beside each would be the square of their number."""
    size = 30

    def link(place: int) -> Identity:
        return Identity(links=(f"in-{place - 1}",) if place else ())

    arrive(store, *(patient(f"in-{place}", link(place)) for place in range(size)))
    owners = [(TENANT, PatientId(f"in-{place}")) for place in range(size)]

    with reading(store.engine) as connection:
        found = members(connection, owners)

    assert found.keys() == set(owners)
    assert {len(same) for same in found.values()} == {size}
    assert len({id(same) for same in found.values()}) == 1


def test_what_one_says_is_found_without_reading_what_all_say(store: SqlStore) -> None:
    if store.engine.dialect.name != "sqlite":
        return
    asked = f"EXPLAIN QUERY PLAN {_SAID.format('?')}"
    with reading(store.engine) as connection:
        steps = [row[3] for row in connection.exec_driver_sql(asked, (TENANT, "ann"))]

    assert not [step for step in steps if step.startswith("SCAN") or step.endswith("(tenant=?)")], steps
