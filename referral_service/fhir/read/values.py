"""Numbers of outcome measures: exact, with their unit as sent."""

from decimal import Decimal
from typing import Any, NamedTuple


class Number(NamedTuple):
    """An exact value, and its unit as sent: the code, else the text."""

    value: Decimal
    unit: str | None = None


def number_in(holder: dict[str, Any]) -> Number | None:
    """The number of an observation, component or answer; None where there is none, or only a bound."""
    quantity = holder.get("valueQuantity")
    if quantity is not None:
        if "value" not in quantity or "comparator" in quantity:
            return None
        return Number(Decimal(str(quantity["value"])), quantity.get("code") or quantity.get("unit"))
    value = holder.get("valueInteger", holder.get("valueDecimal"))
    return None if value is None else Number(Decimal(str(value)))
