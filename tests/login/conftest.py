"""One house for all tests; nobody lies at the beginning of each."""

from collections.abc import Iterator

import pytest

from tests.login.house import Browser, House, furnish, house
from tests.login.provider import Lies


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """With referrals."""
    with house(tmp_path_factory.mktemp("house")) as found:
        yield furnish(found)


@pytest.fixture
def home(furnished: House) -> House:
    """The same, before anybody lies."""
    furnished.site.lies, furnished.ehr.lies = Lies(), Lies()
    return furnished


@pytest.fixture
def browser(home: House) -> Iterator[Browser]:
    """Somebody's."""
    with Browser(home) as found:
        yield found


@pytest.fixture
def other(home: House) -> Iterator[Browser]:
    """Somebody else's."""
    with Browser(home) as found:
        yield found
