"""Reading FHIR JSON: what is refused before any element is looked at, and numbers that keep their digits."""

import copy
import json
import pickle
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_service.core.problem import Category, Issue
from referral_service.fhir.check import check
from referral_service.fhir.parse import DEEPEST, Number, Unreadable, are_alike, dump, parse
from tests.fhir.more_bases import BASES


def refused(body: bytes) -> Issue:
    """The one issue for which a body is refused."""
    with pytest.raises(Unreadable) as caught:
        parse(body)
    assert caught.value.category is Category.INCORRECT
    [issue] = caught.value.issues
    return issue


def holding(text: str) -> bytes:
    """A resource that holds a JSON text as the value of one element."""
    return b'{"resourceType":"Basic","x":' + text.encode() + b"}"


def nested(levels: int, text: str = "1") -> bytes:
    """A resource that nests that deep, itself included."""
    return holding("[" * (levels - 1) + text + "]" * (levels - 1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"x",
        b'"Patient"'[:-1],
        b'{"resourceType":"Patient"',
        b'{"resourceType":"Patient"} {}',
        b'{"resourceType":"Patient",}',
        b"{'resourceType':'Patient'}",
        b'{"resourceType":"Patient"/**/}',
        b'{"resourceType":"\xff"}',
        b'{"resourceType":"Patient"}'.decode().encode("utf-16"),
        holding("NaN"),
        holding("Infinity"),
        holding("-Infinity"),
        holding("01"),
        holding("+1"),
        holding("1."),
        holding(".5"),
        holding("1e"),
        holding("0x1"),
        holding("tru"),
        holding('"\n"'),
        holding('"\\x"'),
        holding('"\\ud800"'),
        holding('"\\udc00"'),
        holding('"\\ud800\\u0041"'),
        b'{"resourceType":"Basic","\\ud800":1}',
        b'{"resourceType":"Basic","x":"\xed\xa0\x80"}',
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert refused(body) == Issue("structure", "The body is not JSON in UTF-8.")


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"Patient"', b'[{"resourceType":"Patient"}]'])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert refused(body) == Issue("structure", "The body must be one JSON object.")


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType":"Patient","gender":"male","gender":"male"}',
        b'{"resourceType":"Patient","resourceType":"Patient"}',
        b'{"resourceType":"Patient","gen\\u0064er":"male","gender":"male"}',
        b'{"resourceType":"Patient","name":[{"text":"a \\" b","text":"c"}]}',
        # The escaped quotation mark makes up for one that the lost key would have had.
        b'{"resourceType":"Patient","x":"\\u0022\\u0022","gender":1,"gender":2}',
        holding('{"a":1,"b":{"a":1},"a":[]}'),
    ],
)
def test_a_key_that_stands_twice_is_refused(body: bytes) -> None:
    assert refused(body) == Issue("structure", "A JSON object has the same key twice.")


@pytest.mark.parametrize(
    "text", ['"\\u0022"', '"a \\" b"', '"\\\\"', '{"a":{"a":1}}', '[{"a":1},{"a":1}]', '"\\/"']
)
def test_a_key_may_stand_in_two_objects_and_text_may_hold_quotation_marks(text: str) -> None:
    assert parse(holding(text))["x"] == json.loads(text)


def test_nesting_is_bounded() -> None:
    assert parse(nested(DEEPEST))["resourceType"] == "Basic"
    # Brackets within text do not count, whichever way they would tip the balance.
    assert parse(nested(DEEPEST, '"' + "[{" * 200 + '"'))["resourceType"] == "Basic"
    for body in (nested(DEEPEST + 1), nested(DEEPEST + 1, '"' + "]}" * 200 + '"'), nested(100_000)):
        assert refused(body) == Issue("structure", "The JSON is nested more than 64 levels deep.")
    hidden = '{"x":"}","a":' * 70 + "1" + ',"y":"{"}' * 70
    assert refused(holding(hidden)).diagnostics == "The JSON is nested more than 64 levels deep."


def test_a_resource_of_the_deepest_nesting_is_checked() -> None:
    extension: dict[str, Any] = {"url": "a", "valueString": "b"}
    while len(dump({"x": extension}).split(b'"extension":')) < DEEPEST // 2 - 1:
        extension = {"url": "a", "extension": [extension]}
    body = dump({"resourceType": "Patient", "extension": [extension]})
    assert check(parse(body)) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", "required"),
        (b'{"resourceType":null}', "required"),
        (b'{"resourceType":""}', "value"),
        (b'{"resourceType":"patient"}', "value"),
        (b'{"resourceType":"Person2"}', "value"),
        (b'{"resourceType":"DomainResource"}', "value"),
        (b'{"resourceType":"SubscriptionTopic"}', "value"),
        (b'{"resourceType":["Patient"]}', "value"),
        (b'{"resourceType":7}', "value"),
    ],
)
def test_an_object_that_is_no_resource_of_r4_is_refused(body: bytes, code: str) -> None:
    issue = refused(body)
    assert (issue.code, issue.expression) == (code, "resourceType")


@pytest.mark.parametrize("text", ["1e7000", "-1E-7000", "1e99999999999999999999", "0e-9999999", "9" * 5000])
def test_a_number_without_sense_is_refused(text: str) -> None:
    assert refused(holding(text)) == Issue("value", "A number is out of range.")


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse(b"\xef\xbb\xbf" + holding("1")) == {"resourceType": "Basic", "x": 1}


@pytest.mark.parametrize(
    "text",
    [
        "0.40",
        "1.0E+2",
        "1.0e2",
        "1E5",
        "-0",
        "-0.0",
        "0.0000001",
        "100.00",
        "1.50e-10",
        "3.14159265358979323846264338",
        "0",
        "-5",
        "9007199254740993",
        "12345678901234567890123",
        "1e400",
        "1E-400",
    ],
)
def test_a_number_is_written_with_the_digits_received(text: str) -> None:
    assert dump(parse(holding(text))) == holding(text)
    assert dump(copy.deepcopy(parse(holding(text)))) == holding(text)
    assert dump(pickle.loads(pickle.dumps(parse(holding(text))))) == holding(text)


DIGITS = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@given(st.lists(DIGITS, max_size=5))
def test_any_numbers_come_back_byte_for_byte(numbers: list[str]) -> None:
    body = holding("[" + ",".join(numbers) + "]")
    value = parse(body)
    assert dump(value) == body
    assert [Decimal(one) for one in value["x"]] == [Decimal(text) for text in numbers]


def test_a_sign_before_nothing_is_kept_wherever_it_stands() -> None:
    body = b'{"resourceType":"Basic","x-0":"-0","y":[ -0 ,-0,{"z":-0\n}],"w":"a\\u002db"}'
    value = parse(body)
    assert dump(value) == b'{"resourceType":"Basic","x-0":"-0","y":[-0,-0,{"z":-0}],"w":"a-b"}'
    assert value["y"][0] == 0
    observation = {**BASES["observation"], "valueQuantity": {"value": "VALUE"}}
    body = dump(observation).replace(b'"VALUE"', b"-0")
    assert check(parse(body)) == []


def test_a_decimal_counts_as_the_number_it_is() -> None:
    value = parse(holding("1.50"))["x"]
    assert isinstance(value, Number)
    assert (value == Decimal("1.5"), value + 1, str(value), float(value)) == (
        True,
        Decimal("2.50"),
        "1.50",
        1.5,
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text().filter(lambda name: name != "resourceType"), JSON))
def test_whatever_json_comes_in_goes_out(elements: dict[str, Any]) -> None:
    resource = {"resourceType": "Basic", **elements}
    assert json.loads(dump(parse(json.dumps(resource).encode()))) == resource
    assert parse(json.dumps(resource, ensure_ascii=False, indent=1).encode()) == resource


def test_what_has_no_form_in_json_is_not_written() -> None:
    with pytest.raises(NotImplementedError, match="object has no form in JSON"):
        dump({"x": object()})


@given(st.sampled_from(sorted(BASES)), st.randoms(use_true_random=False))
def test_a_damaged_body_is_refused_or_read(name: str, chance: random.Random) -> None:
    body = bytearray(json.dumps(BASES[name]).encode())
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(body))
        body[place : place + chance.randint(0, 3)] = chance.choice(
            [b"", b'"', b"{", b"]", b",", b"\\", b"0", b"\xff"]
        )
    try:
        resource = parse(bytes(body))
    except Unreadable as problem:
        assert problem.issues
    else:
        assert all(issue.code and issue.diagnostics for issue in check(resource))


def turned(value: Any) -> Any:
    """The same with the members of every object in the opposite order."""
    if isinstance(value, dict):
        return {name: turned(one) for name, one in reversed(value.items())}
    return [turned(one) for one in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(), JSON))
def test_members_in_another_order_say_the_same(elements: dict[str, Any]) -> None:
    assert are_alike(dump(elements), dump(turned(elements)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":[1,2]}', '{"a":[2,1]}'),
        ('{"a":10.0}', '{"a":1.00}'),
        ('{"a":1.50,"b":1.5}', '{"a":1.5,"b":1.50}'),
        ('{"a":-0,"b":0}', '{"a":0,"b":-0}'),
        ('{"a":"b","b":"a"}', '{"a":"a","b":"b"}'),
        ('{"a":{"b":1},"c":{}}', '{"a":{},"c":{"b":1}}'),
    ],
)
def test_what_only_looks_alike_does_not(one: str, other: str) -> None:
    assert len(one) == len(other) and not are_alike(one.encode(), other.encode())
