"""One EHR without faults for a module whose tests use orders of their own."""

from collections.abc import Iterator

import pytest

from tests.fake_ehr.served import Served, served


@pytest.fixture(scope="module")
def ehr() -> Iterator[Served]:
    """Served for a whole module."""
    with served() as found:
        yield found
