"""One line of a story while it is read: every key is taken once, and what nobody takes is a mistake."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from referral_service.clinic.coding import Concept, Place, concept
from referral_service.clinic.days import instant, spread, written

_DAYS = ("on", "every", "count", "from", "to", "step")


class Item:
    """One line's keys, the day they count from, and what its `ref`s stand for ("tear": "Condition/...")."""

    def __init__(self, content: Mapping[Any, Any], as_of: date, references: Mapping[str, str]) -> None:
        """`content` is left as it is."""
        # YAML 1.1 reads a bare `on` as true.
        self._left: dict[str, Any] = {"on" if key is True else key: value for key, value in content.items()}
        self._as_of = as_of
        self._references = references

    def take(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default where the story does not write the key at all."""
        return self._left.pop(key, default)

    def has(self, key: str) -> bool:
        """Whether the key is written and not taken yet."""
        return key in self._left

    def close(self) -> None:
        """Raises ValueError naming the keys that nothing understood."""
        if self._left:
            raise ValueError(f"unknown key {', '.join(map(repr, sorted(self._left)))}")

    def day(self, key: str) -> str | None:
        """A day as FHIR writes it, or None."""
        value = self.take(key)
        return None if value is None else written(value, self._as_of)

    def instant(self, key: str) -> str | None:
        """A moment as FHIR writes it, or None."""
        value = self.take(key)
        return None if value is None else instant(value, self._as_of)

    def has_come(self, day: str) -> bool:
        """Whether a day as FHIR writes it is as_of's or earlier."""
        return day[:10] <= self._as_of.isoformat()

    def period(self, key: str) -> dict[str, str] | None:
        """A Period of `[start, end]`; either may be null."""
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError(f"{key} needs [start, end]")
        ends = zip(("start", "end"), value, strict=True)
        return {name: written(day, self._as_of) for name, day in ends if day is not None}

    def moment(self, key: str, element: str) -> dict[str, Any]:
        """The choice element `element`: its Period for a list of two days, else its dateTime; or nothing."""
        if isinstance(self._left.get(key), list):
            return {f"{element}Period": self.period(key)}
        return {f"{element}DateTime": self.day(key)}

    def days(self) -> list[str] | None:
        """The days of `on`, or of `every`, or of `from`, `to` and `count`; None when none is written."""
        given = {key: self.take(key) for key in _DAYS if self.has(key)}
        given |= given.pop("every", {})
        if not given:
            return None
        on = given.pop("on", None)
        if on is None:
            days: list[Any] = [
                *spread(given.pop("from"), given.pop("to"), given.pop("step", None), given.pop("count", None))
            ]
        else:
            days = on if isinstance(on, list) else [on]
        if given:
            raise ValueError(f"unknown key {', '.join(map(repr, sorted(given)))}")
        return [written(day, self._as_of) for day in days]

    def concept(self, key: str, place: Place = "diagnosis") -> Concept | None:
        """A CodeableConcept, or None."""
        value = self.take(key)
        return None if value is None else concept(value, place)

    def reasons(self) -> dict[str, Any]:
        """`reasonCode` and `reasonReference`, each only where the story gives one."""
        value = self.take("reason", [])
        reasons = value if isinstance(value, list) else [value]
        codes = [concept(reason) for reason in reasons if not isinstance(reason, dict)]
        references = [self._reference(reason) for reason in reasons if isinstance(reason, dict)]
        return {"reasonCode": codes or None, "reasonReference": references or None}

    def _reference(self, reason: dict[str, str]) -> dict[str, str]:
        if set(reason) != {"ref"} or reason["ref"] not in self._references:
            raise ValueError(f"no item of this story has the id of {reason!r}")
        return {"reference": self._references[reason["ref"]]}
