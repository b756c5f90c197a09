"""A JSON Patch is read as strictly as a resource: nothing comes in by it that could not be read again."""

import json
from typing import Any

import httpx
import pytest

from tests.api.people import House
from tests.api.test_fulfilling import SURGEON, again, house, task

__all__ = ["house", "task"]

Json = dict[str, Any]
URL = "http://ehr.example/extension"


def sent(house: House, task: Json, body: str) -> httpx.Response:
    headers = {"content-type": "application/json-patch+json", **SURGEON}
    return house.server.http.patch(f"/Task/{task['id']}", content=body.encode(), headers=headers)


def adding(path: str, value: str) -> str:
    return f'{{"op": "add", "path": "{path}", "value": {value}}}'


def extended(levels: int) -> str:
    return f'{{"url": "{URL}", "extension": [' * levels + "]}" * levels


HOSTILE = {
    "notes nested 80 deep": f"[{adding('/note', '[' + extended(40) + ']')}]",
    "arrays nested 600 deep": f"[{adding('/note', '[' * 600 + ']' * 600)}]",
    "arrays nested 100,000 deep": f"[{adding('/note', '[' * 100_000 + ']' * 100_000)}]",
    "an operation with a key twice": '[{"op": "test", "op": "add", "path": "/status", "value": "accepted"}]',
    "no number": f"[{adding('/note', 'NaN')}]",
    "half a character": f"""[{adding("/note", '[{"text": "' + chr(92) + 'ud800"}]')}]""",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_resource_may_hold_no_patch_may(house: House, task: Json, what: str) -> None:
    before = house.server.dump()
    answer = sent(house, task, HOSTILE[what])
    assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome"), answer.text
    assert house.server.dump() == before


@pytest.mark.parametrize("steps", [2, 90])
def test_steps_of_a_patch_do_not_nest_deeper_together(house: House, task: Json, steps: int) -> None:
    """Each is within the limits; the Task that they make is not."""
    deep = json.loads('{"url": "u", "extension": [' * 20 + "]}" * 20)
    place, operations = "/note/0/extension", [{"op": "add", "path": "/note", "value": [{"text": "a"}]}]
    for _ in range(steps):
        operations.append({"op": "add", "path": place, "value": [deep]})
        place += "/0/extension" * 20
    before = house.server.dump()
    answer = sent(house, task, json.dumps(operations))
    assert answer.status_code in (400, 422), answer.text
    assert house.server.dump() == before


def test_decimals_of_a_patch_keep_their_digits(house: House, task: Json) -> None:
    digits = ["1.10", "123456789012345678901234567890", "0.12345678901234567890", "-0"]
    for number in digits:
        value = f'[{{"text": "a", "extension": [{{"url": "{URL}", "valueDecimal": {number}}}]}}]'
        answer = sent(house, task, f"[{adding('/note', value)}]")
        assert answer.status_code == 200, answer.text
        kept = house.server.http.get(f"/Task/{task['id']}").text
        assert f'"valueDecimal":{number}}}' in kept
        tested = f'{{"op": "test", "path": "/note/0/extension/0/valueDecimal", "value": {number}}}'
        assert sent(house, task, f"[{tested}]").status_code == 200
    assert again(house, task)["status"] == task["status"]


def test_operations_of_a_patch_build_on_each_other(house: House, task: Json) -> None:
    said = [
        {"op": "add", "path": "/note", "value": [{"text": "first"}]},
        {"op": "copy", "from": "/note/0", "path": "/note/-"},
        {"op": "replace", "path": "/note/0/text", "value": "second"},
        {"op": "move", "from": "/note/0", "path": "/note/1"},
    ]
    assert sent(house, task, json.dumps(said)).status_code == 200
    assert [one["text"] for one in again(house, task)["note"]] == ["first", "second"]
