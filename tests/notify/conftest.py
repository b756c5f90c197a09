"""The fixture that all of these tests share."""

from collections.abc import Iterator

import pytest

from tests.notify.partners import Town
from tests.notify.partners import town as build


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One a module: its tests use patients of their own."""
    with build(tmp_path_factory.mktemp("town")) as found:
        yield found
