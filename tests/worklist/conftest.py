"""A service with its worker, whose patients have names; on both databases."""

from collections.abc import Iterator

import pytest

from tests.api.people import House, house
from tests.worklist.browsing import Coordinator

__all__ = ["house"]


@pytest.fixture
def nora(house: House) -> Iterator[Coordinator]:
    """A coordinator."""
    with Coordinator(house.server.address, "nora") as found:
        yield found


@pytest.fixture
def omar(house: House) -> Iterator[Coordinator]:
    """Another one."""
    with Coordinator(house.server.address, "omar") as found:
        yield found
