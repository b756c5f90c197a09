"""What a search's query string asks, read against the table of types."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from referral_service.core.problem import Category, Problem, problem
from referral_service.fhir.definitions import R4_TYPES
from referral_service.fhir.search.dates import COMPARISONS, During, Span, span
from referral_service.fhir.search.escapes import barred, plain, split
from referral_service.fhir.search.reference import is_id, local
from referral_service.fhir.search.table import Kind, Parameter, Sort

DEFAULT_COUNT = 50
MOST = 500
_DIGITS = 9
_MOST_ALTERNATIVES = 200
_MOST_KEYS = 20
# Ranges are compared one by one: a database plans hundreds of them for seconds.
_MOST_DATES = 20
_MOST_TESTS = 20
# Asked of any search, without a say in what is found: negotiated elsewhere, or safe to answer in full.
_ELSEWHERE = frozenset({"_format", "_pretty"})


class Test(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter: true if any of its alternatives is. `name` is indexed, or "_id" or "_lastUpdated".

    `tokens` are compared whole: an id, a reference, "system|code", or a code of any system, which comes with
    and without a bar before it. Their other bars and backslashes are escaped. `systems` match every code.
    """

    name: str
    tokens: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    dates: tuple[During, ...] = ()


class Order(NamedTuple):
    """One key that matches are sorted by: "_lastUpdated", or an indexed name of dates."""

    name: str = "_lastUpdated"
    is_descending: bool = False


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """One search, understood. `sort` has at least one key; `used` is for `self`.

    `included` are the types of focus to include with a Task, "" for any.
    """

    type: str
    tests: tuple[Test, ...] = ()
    sort: tuple[Order, ...] = (Order(),)
    count: int = DEFAULT_COUNT
    included: frozenset[str] = frozenset()
    used: tuple[tuple[str, str], ...] = ()


class _Draft:
    """A query while its parameters are read one by one."""

    def __init__(self, kind: Kind, as_of: datetime) -> None:
        self.kind = kind
        self.as_of = as_of
        self.tests: list[Test] = []
        self.sort: tuple[Order, ...] = (Order(),)
        self.count = DEFAULT_COUNT
        self.included: set[str] = set()
        self.used: list[tuple[str, str]] = []

    def use_once(self, name: str, value: str) -> None:
        """Notes what was used of a parameter that counts once only: its last value."""
        self.used = [(other, said) for other, said in self.used if other != name]
        self.used.append((name, value))


def parse(kind: Kind, asked: Sequence[tuple[str, str]], *, as_of: datetime, is_strict: bool = False) -> Query:
    """Reads the parameters in order; INCORRECT for a malformed value, and if strict for an unknown name.

    `as_of` serves the comparison `ap` alone. Diagnostics name parameters of ours, never what was sent.
    """
    draft = _Draft(kind, as_of)
    for name, value in asked:
        if _take(draft, name, value, is_strict):
            draft.used.append((name, value))
    if len(draft.tests) > _MOST_TESTS:
        raise problem(Category.INCORRECT, f"More than {_MOST_TESTS} parameters.", code="too-costly")
    return Query(
        type=kind.type,
        tests=tuple(draft.tests),
        sort=draft.sort,
        count=draft.count,
        included=frozenset(draft.included),
        used=tuple(draft.used),
    )


def _take(draft: _Draft, asked: str, value: str, is_strict: bool) -> bool:
    """Reads one parameter into the draft; False if it is passed by, or has said itself what was used."""
    name, _, modifier = asked.partition(":")
    # R4 search, 3.1.1.3: an empty parameter is no error, and ignored.
    if name in _ELSEWHERE or not value:
        return False
    if name in _CONTROLS and not modifier:
        return _CONTROLS[name](draft, value, is_strict)
    parameter = draft.kind.parameter(name)
    if parameter:
        draft.tests.append(_test(draft, parameter, modifier, value))
        return True
    if modifier or "." in name:
        # Passing these by would answer with more than was asked for, without the client's noticing.
        raise problem(
            Category.INCORRECT, "Modifiers, chains and _has are not supported.", code="not-supported"
        )
    return _pass_by(is_strict)


def _pass_by(is_strict: bool) -> bool:
    if is_strict:
        raise problem(
            Category.INCORRECT, "This search parameter is not supported here.", code="not-supported"
        )
    return False


def _wrong(draft: _Draft, name: str, sentence: str) -> Problem:
    """The parameter is named only if it is ours: a client's own word may be anything."""
    known = name in _CONTROLS or draft.kind.parameter(name)
    return problem(Category.INCORRECT, f"{name}: {sentence}" if known else sentence, code="value")


def _test(draft: _Draft, parameter: Parameter, modifier: str, value: str) -> Test:
    alternatives = _alternatives(draft, parameter.name, value, parameter.sort)
    if parameter.sort is Sort.REFERENCE:
        return _reference_test(draft, parameter, modifier, alternatives)
    if modifier:
        raise _wrong(draft, parameter.name, "This modifier is not supported.")
    if parameter.sort is Sort.DATE:
        dates = tuple(_during(draft, parameter.name, one) for one in alternatives)
        return Test(name=parameter.indexed, dates=dates)
    return _token_test(draft, parameter, alternatives)


def _alternatives(draft: _Draft, name: str, value: str, sort: Sort = Sort.TOKEN) -> list[str]:
    if "\0" in value:
        # Nothing that is stored has it, and a database may not take it even to compare.
        raise _wrong(draft, name, "U+0000 is no character of FHIR.")
    most = _MOST_DATES if sort is Sort.DATE else _MOST_ALTERNATIVES
    found = split(value, ",", limit=most)
    if len(found) > most:
        raise _wrong(draft, name, f"More than {most} alternatives.")
    return found


def _token_test(draft: _Draft, parameter: Parameter, alternatives: list[str]) -> Test:
    tokens: list[str] = []
    systems: list[str] = []
    for one in alternatives:
        system, *code = split(one, "|", limit=1)
        if not code:
            tokens += (barred(system), "|" + barred(system))
        elif code[0]:
            tokens.append(f"{barred(parameter.kept(plain(system)))}|{barred(code[0])}")
        elif system:
            systems.append(parameter.kept(plain(system)))
        else:
            raise _wrong(draft, parameter.name, "Neither a system nor a code.")
    return Test(name=parameter.indexed, tokens=tuple(tokens), systems=tuple(systems))


def _reference_test(draft: _Draft, parameter: Parameter, modifier: str, alternatives: Iterable[str]) -> Test:
    if modifier and modifier not in parameter.targets:
        raise _wrong(draft, parameter.name, "This modifier is not supported.")
    targets = (modifier,) if modifier else parameter.targets
    tokens: list[str] = []
    for one in map(plain, alternatives):
        reference = local(one)
        if reference:
            tokens += [reference] if parameter.name != "patient" or reference.startswith("Patient/") else []
        elif is_id(one):
            tokens += [f"{target}/{one}" for target in targets]
        else:
            raise _wrong(draft, parameter.name, "Not an id and not a reference of the form Type/id.")
    return Test(name=parameter.indexed, tokens=tuple(tokens))


def _during(draft: _Draft, name: str, value: str) -> During:
    comparison = value[:2] if value[:2] in COMPARISONS else "eq"
    covered = span(value[2:] if value[:2] in COMPARISONS else value)
    if covered is None:
        raise _wrong(draft, name, "Not a date, or not a date of the calendar.")
    if comparison != "ap":
        return During(comparison, covered)
    # R4: approximately is within a tenth of the gap between now and the value.
    slack = max(abs(draft.as_of - covered.start) / 10, timedelta(days=1))
    try:
        return During("ap", Span(covered.start - slack, covered.end + slack))
    except OverflowError:
        return During("ap", covered)


def _id(draft: _Draft, value: str, _: bool) -> bool:
    draft.tests.append(Test(name="_id", tokens=tuple(map(plain, _alternatives(draft, "_id", value)))))
    return True


def _last_updated(draft: _Draft, value: str, _: bool) -> bool:
    dates = tuple(
        _during(draft, "_lastUpdated", one) for one in _alternatives(draft, "_lastUpdated", value, Sort.DATE)
    )
    draft.tests.append(Test(name="_lastUpdated", dates=dates))
    return True


def count_in(value: str) -> int | None:
    """A `_count` as far as it is heeded, at most MOST; None if it is no whole number of 0 or more."""
    if not (value.isascii() and value.isdigit()):
        return None
    # However long: nobody need know the limit to ask for all.
    return min(int(value[-_DIGITS:]), MOST) if not value[:-_DIGITS].strip("0") else MOST


def _count(draft: _Draft, value: str, _: bool) -> bool:
    found = count_in(value)
    if found is None:
        raise _wrong(draft, "_count", "Not a whole number.")
    draft.count = found
    draft.use_once("_count", str(draft.count))
    return False


def _sort(draft: _Draft, value: str, is_strict: bool) -> bool:
    """The keys that there are, in their order; each once, since a second time it would order nothing."""
    keys: dict[str, tuple[str, Order]] = {}
    asked = value.split(",", _MOST_KEYS)
    if len(asked) > _MOST_KEYS:
        raise _wrong(draft, "_sort", f"More than {_MOST_KEYS} keys.")
    for one in asked:
        order = _order(draft, one)
        if order:
            keys.setdefault(order.name, (one, order))
        else:
            _pass_by(is_strict)
    if keys:
        draft.sort = tuple(order for _, order in keys.values())
        draft.use_once("_sort", ",".join(one for one, _ in keys.values()))
    return False


def _order(draft: _Draft, key: str) -> Order | None:
    name = key.removeprefix("-")
    if name == "_lastUpdated":
        return Order(name, key != name)
    parameter = draft.kind.parameter(name)
    if parameter and parameter.sort is Sort.DATE:
        return Order(parameter.indexed, key != name)
    return None


def _include(draft: _Draft, value: str, is_strict: bool) -> bool:
    element, restricted, target = value.removeprefix("Task:").partition(":")
    is_focus = value.startswith("Task:") and element == "focus"
    if draft.kind.type == "Task" and is_focus and (not restricted or target in R4_TYPES):
        draft.included.add(target)
        return True
    return _pass_by(is_strict)


_CONTROLS: dict[str, Callable[[_Draft, str, bool], bool]] = {
    "_id": _id,
    "_lastUpdated": _last_updated,
    "_count": _count,
    "_sort": _sort,
    "_include": _include,
}
