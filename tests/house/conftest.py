"""The fixture that the tests of rules and of the dashboard share."""

from tests.house.queries import metrics

__all__ = ["metrics"]
