"""What a token's scopes allow over HTTP: each interaction alone, in a Bundle, and what comes along."""

from itertools import product
from typing import Any, get_args

import httpx
import pytest

from referral_service.api.fhir.exchange import Ask
from referral_service.api.fhir.permit import permit
from referral_service.api.fhir.table import VERBS
from referral_service.auth.principal import ROLES, Principal, Role
from referral_service.auth.scopes import LETTERS as LETTERS_OF_SCOPES
from referral_service.core.answer import Verb
from referral_service.core.problem import Problem
from tests.auth.house import House
from tests.kit.server import ids

Json = dict[str, Any]
SUBJECT = {"subject": {"reference": "Patient/secret"}}
CONDITION: Json = {"resourceType": "Condition", "id": "one", **SUBJECT}
IDENTIFIED: Json = {**CONDITION, "identifier": [{"system": "urn:test", "value": "C1"}]}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# A request, and the letters that it needs.
REQUESTS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "read": ("GET", "/Condition/one", {}, "r"),
    "head": ("HEAD", "/Condition/one", {}, "r"),
    "vread": ("GET", "/Condition/one/_history/1", {}, "r"),
    "history": ("GET", "/Condition/one/_history", {}, "r"),
    "search": ("GET", "/Condition?subject=Patient/secret", {}, "s"),
    "search by POST": ("POST", "/Condition/_search", {"headers": FORM}, "s"),
    "compartment": ("GET", "/Patient/secret/Condition", {}, "s"),
    "compartment by POST": ("POST", "/Patient/secret/Condition/_search", {"headers": FORM}, "s"),
    "create": ("POST", "/Condition", {"json": CONDITION}, "c"),
    "conditional create": (
        "POST",
        "/Condition",
        {"json": CONDITION, "headers": {"If-None-Exist": "identifier=urn:test|C1"}},
        "cs",
    ),
    "update": ("PUT", "/Condition/one", {"json": IDENTIFIED}, "u"),
    "update as create": ("PUT", "/Condition/two", {"json": {**CONDITION, "id": "two"}}, "u"),
    "conditional update": ("PUT", "/Condition?identifier=urn:test|C1", {"json": IDENTIFIED}, "us"),
    "delete": ("DELETE", "/Condition/three", {}, "d"),
}
LETTERS = ("c", "r", "u", "d", "s", "cs", "us", "crud", "rs", "cud", "cruds")


@pytest.fixture(scope="module", autouse=True)
def _stored(home: House) -> None:
    for resource in (IDENTIFIED, {**CONDITION, "id": "three"}):
        assert home.http.put(
            f"/Condition/{resource['id']}", json=resource, headers=home.as_client("north")
        ).is_success


def sent(home: House, name: str, scope: str) -> httpx.Response:
    method, path, more, _ = REQUESTS[name]
    headers = {**more.get("headers", {}), **home.as_hospital(scope)}
    return home.http.request(method, path, **{**more, "headers": headers})


@pytest.mark.parametrize(("name", "letters"), list(product(REQUESTS, LETTERS)))
def test_an_interaction_needs_its_letters(home: House, name: str, letters: str) -> None:
    answer = sent(home, name, f"system/Condition.{letters}")

    is_allowed = set(REQUESTS[name][3]) <= set(letters)
    assert (answer.status_code == 403) != is_allowed, answer.text
    assert answer.is_success or not is_allowed
    if not is_allowed and name != "head":
        assert "system/Condition." in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize(
    "scope", ["", "openid fhirUser", "user/*.cruds", "system/Patient.cruds", "system/*.dus"]
)
def test_other_scopes_allow_nothing_of_it(home: House, name: str, scope: str) -> None:
    before = home.server.dump()

    assert sent(home, name, scope).status_code == 403
    assert home.server.dump() == before


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("scope", ["system/*.cruds", "system/*.*", "system/Condition.read system/*.write"])
def test_a_star_is_every_type(home: House, name: str, scope: str) -> None:
    assert sent(home, name, scope).is_success


BODIES: list[Json] = [
    {"request": {"method": "GET", "url": "Condition/one"}},
    {"request": {"method": "GET", "url": "Condition?subject=Patient/secret"}},
    {"request": {"method": "GET", "url": "Patient/secret"}},
    {"request": {"method": "POST", "url": "Condition"}, "resource": CONDITION},
    {
        "request": {"method": "POST", "url": "Condition", "ifNoneExist": "identifier=urn:test|C1"},
        "resource": CONDITION,
    },
    {"request": {"method": "PUT", "url": "Condition/one"}, "resource": CONDITION},
    {"request": {"method": "DELETE", "url": "Condition/none"}},
    {"request": {"method": "POST", "url": "Claim"}, "resource": {"resourceType": "Claim"}},
]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("r", [200, 403, 403, 403, 403, 403, 403, 202]),
        ("s", [403, 200, 403, 403, 403, 403, 403, 202]),
        ("c", [403, 403, 403, 201, 403, 403, 403, 202]),
        ("u", [403, 403, 403, 403, 403, 200, 403, 202]),
        ("d", [403, 403, 403, 403, 403, 403, 204, 202]),
        ("cs", [403, 200, 403, 201, 200, 403, 403, 202]),
    ],
)
def test_in_a_batch_each_entry_needs_its_own(home: House, letters: str, expected: list[int]) -> None:
    home.http.put("/Condition/one", json=IDENTIFIED, headers=home.as_client("north"))
    batch = {"resourceType": "Bundle", "type": "batch", "entry": BODIES}

    answer = home.http.post("", json=batch, headers=home.as_hospital(f"system/Condition.{letters}"))

    assert [int(one["response"]["status"][:3]) for one in answer.json()["entry"]] == expected


@pytest.mark.parametrize("number", range(7))
def test_a_transaction_is_refused_for_one_entry(home: House, number: int) -> None:
    entries = [{"request": {"method": "PUT", "url": "Goal/x"}, "resource": goal()}, BODIES[number]]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    before = home.server.dump()

    answer = home.http.post("", json=bundle, headers=home.as_hospital("system/Goal.cruds"))

    assert answer.status_code == 403
    assert answer.json()["issue"][0]["expression"][0].startswith("Bundle.entry[1].request")
    assert home.server.dump() == before


def goal() -> Json:
    return {
        "resourceType": "Goal",
        "id": "x",
        "lifecycleStatus": "active",
        "description": {"text": "x"},
        **SUBJECT,
    }


def test_a_transaction_that_is_allowed_is_carried_out(home: House) -> None:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [BODIES[3], BODIES[6]]}

    answer = home.http.post("", json=bundle, headers=home.as_hospital("system/Condition.cd"))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("scope", "status"), [("system/Goal.u", 403), ("system/Goal.u system/Patient.s", 200)]
)
def test_a_conditional_reference_is_a_search(home: House, scope: str, status: int) -> None:
    searching = {**goal(), "subject": {"reference": "Patient?_id=secret"}}
    entry = {"request": {"method": "PUT", "url": "Goal/x"}, "resource": searching}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}

    assert home.http.post("", json=bundle, headers=home.as_hospital(scope)).status_code == status


@pytest.mark.parametrize(
    ("path", "needs"),
    [
        ("/Patient/secret/$assess", ["Patient", "GuidanceResponse"]),
        (
            "/PlanDefinition/spine-conservative-care/$apply?subject=Patient/secret",
            ["Patient", "GuidanceResponse", "PlanDefinition"],
        ),
    ],
)
def test_an_operation_reads_what_it_reads(home: House, path: str, needs: list[str]) -> None:
    for left_out in [None, *needs]:
        scope = " ".join(f"system/{one}.r" for one in needs if one != left_out)
        for method in ("GET", "POST"):
            answer = home.http.request(method, path, headers=home.as_hospital(scope))
            assert answer.status_code == (200 if left_out is None else 403), (left_out, method)


@pytest.mark.parametrize("headers", [{"X-Actor": "Practitioner/nurse-7"}, {"X-Actor": "Device/north"}])
def test_nobody_says_that_they_are_somebody_else(home: House, headers: dict[str, str]) -> None:
    answer = home.http.get("/Patient/secret", headers={**headers, **home.as_client("north")})

    assert answer.status_code == 400


def test_whoever_writes_is_on_record(home: House) -> None:
    for number, told in enumerate((home.as_client("elliptic"), home.as_hospital())):
        home.http.put(f"/Goal/rec-{number}", json={**goal(), "id": f"rec-{number}"}, headers=told)

    lines = home.server.dump()["ledger"]
    actors = {actor for actor in ("Device/elliptic", "Device/hospital.ehr") if actor in str(lines)}
    assert actors == {"Device/elliptic", "Device/hospital.ehr"}


def test_a_search_brings_along_what_may_be_read(judged: House) -> None:
    asked = "/Task?_include=Task:focus"
    along = {
        scope: ids(judged.http.get(asked, headers=judged.as_hospital(scope)).json(), "include")
        for scope in ("system/Task.s", "system/Task.s system/ServiceRequest.s", "system/Task.s system/*.r")
    }

    assert [len(found) > 0 for found in along.values()] == [False, False, True]


@pytest.mark.parametrize("scope", ["system/*.cruds", "system/Task.* system/ServiceRequest.*"])
def test_a_system_never_answers_for_people(judged: House, scope: str) -> None:
    for kind, verbs in VERBS.items():
        found = judged.http.get(f"/{kind}", headers=judged.as_client("north")).json()
        for identity in (*ids(found), "none"):
            for name, _ in verbs:
                answer = judged.http.post(f"/{kind}/{identity}/{name}", headers=judged.as_hospital(scope))
                assert answer.status_code == 403, (kind, name)


@pytest.mark.parametrize("code", [f"${verb}" for verb in get_args(Verb)])
@pytest.mark.parametrize(
    ("roles", "patient", "may"),
    [
        ({"coordinator"}, None, True),
        ({"clinician"}, None, True),
        ({"clinician", "auditor"}, None, True),
        ({"operator"}, None, False),
        ({"auditor"}, None, False),
        (set(), None, False),
        ({"clinician"}, "somebody", False),
    ],
)
def test_people_answer_in_their_roles(code: str, roles: set[Role], patient: str | None, may: bool) -> None:
    person = Principal(actor="Practitioner/7", roles=frozenset(roles), patient=patient)

    if may:
        permit(asked_by(person), code)
    else:
        with pytest.raises(Problem):
            permit(asked_by(person), code)


@pytest.mark.parametrize("code", [*LETTERS_OF_SCOPES, "$assess", "$apply", "$everything", "a-new-one"])
@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_no_scope(code: str, role: Role) -> None:
    with pytest.raises(Problem):
        permit(asked_by(Principal(actor="Practitioner/7", roles=frozenset({role}))), code)


@pytest.mark.parametrize("code", ["$everything", "a-new-one", "history-type"])
def test_what_is_not_known_here_no_system_does(code: str) -> None:
    with pytest.raises(Problem):
        permit(asked_by(Principal(actor="Device/north", scopes=("system/*.cruds",))), code)


def test_whoever_was_led_to_one_patient_sees_nothing_else_here() -> None:
    led = Principal(actor="Practitioner/7", scopes=("system/*.cruds",), patient="somebody")

    with pytest.raises(Problem):
        permit(asked_by(led), "read")


def asked_by(principal: Principal) -> Ask:
    return Ask(
        base="", principal=principal, tenant=principal.tenant, actor=principal.actor, type="Task", id="7"
    )
