"""The fixtures that the tests of what is deployed share."""

from tests.house.deployed import access
from tests.house.queries import metrics

__all__ = ["access", "metrics"]
