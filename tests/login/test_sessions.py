"""Sessions: new at each sign-in, over in time and at once, and of use to the browser that has them alone."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text, update

from referral_service.auth.principal import Principal
from referral_service.auth.sessions import Sessions
from referral_service.store.engine import connect, migrate
from referral_service.store.outside import session
from referral_service.workflow.ports import Tenant
from tests.kit.clocks import HandClock
from tests.kit.databases import postgresql
from tests.login.house import Browser, House, house, token_of

NORA = Principal(tenant=Tenant("north"), actor="Practitioner/nora", roles=frozenset({"coordinator"}))
IDLE, MOST = timedelta(minutes=30), timedelta(hours=12)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Of a migrated database."""
    if request.param == "sqlite":
        yield from migrated(f"sqlite:///{tmp_path_factory.mktemp('sessions') / 'referral.db'}")
    else:
        with postgresql() as address:
            yield from migrated(address)


def migrated(address: str) -> Iterator[Engine]:
    found = connect(address)
    migrate(found)
    yield found
    found.dispose()


@pytest.fixture
def clock() -> HandClock:
    """Moved by hand."""
    return HandClock()


@pytest.fixture
def sessions(engine: Engine, clock: HandClock) -> Sessions:
    """All of them."""
    return Sessions(engine, clock, IDLE, MOST)


def test_a_session_ends_when_nothing_was_done_for_half_an_hour(sessions: Sessions, clock: HandClock) -> None:
    value = sessions.begin(NORA)
    for _ in range(3):
        clock.pass_by(minutes=29)
        assert sessions.find(value) == NORA

    clock.pass_by(minutes=30)

    assert sessions.find(value) is None
    clock.pass_by(minutes=-30)
    assert sessions.find(value) == NORA, "time alone had ended it"


def test_a_session_ends_after_twelve_hours_whatever_is_done(sessions: Sessions, clock: HandClock) -> None:
    value = sessions.begin(NORA)
    for _ in range(47):
        clock.pass_by(minutes=15)
        assert sessions.find(value) == NORA

    clock.pass_by(minutes=15)

    assert sessions.find(value) is None


def test_a_page_that_looks_by_itself_keeps_nobody_signed_in(sessions: Sessions, clock: HandClock) -> None:
    value = sessions.begin(NORA)
    for _ in range(29):
        clock.pass_by(minutes=1)
        assert sessions.find(value, is_used=False) == NORA

    clock.pass_by(minutes=1)

    assert sessions.find(value, is_used=False) is None


def test_sessions_that_are_over_are_forgotten(engine: Engine, sessions: Sessions, clock: HandClock) -> None:
    values = [sessions.begin(NORA) for _ in range(3)]
    clock.pass_by(hours=13)
    value = sessions.begin(NORA)

    with engine.connect() as connection:
        kept = connection.scalar(text("SELECT count(*) FROM session"))
    assert kept == 1 and len({*values, value}) == 4
    sessions.end(value)
    assert sessions.find(value) is None
    sessions.end(value)


def test_what_cannot_be_written_can_still_be_read(tmp_path: Path) -> None:
    (engine,) = migrated(f"sqlite:///{tmp_path / 'referral.db'}")
    clock = HandClock()
    sessions = Sessions(engine, clock, IDLE, MOST)
    value = sessions.begin(NORA)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE UPDATE ON session BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        connection.commit()

    clock.pass_by(minutes=29)
    assert sessions.find(value) == NORA
    clock.pass_by(minutes=1)
    assert sessions.find(value) is None
    engine.dispose()


def test_a_session_that_was_there_before_is_never_taken_over(
    home: House, browser: Browser, other: Browser
) -> None:
    """Whoever sets a victim's cookie beforehand has nothing of it, even if it is their own session."""
    other.sign_in("adam")
    for planted in ("known", other.session or ""):
        browser.plant("session", planted)
        browser.sign_in("nora")
        assert browser.session not in ("", None, planted)
        other.plant("session", planted)
        assert other.get("/worklist").status_code == 401


def test_each_sign_in_has_a_session_of_its_own_and_ends_the_one_before(home: House, browser: Browser) -> None:
    values = set()
    for _ in range(3):
        browser.sign_in()
        values.add(browser.session)
    stale = values - {browser.session}

    assert len(values) == 3
    for value in stale:
        answer = httpx.get(f"{home.address}/worklist", headers={"Cookie": f"session={value}"})
        assert answer.status_code == 401


def test_after_signing_out_nothing_brings_the_session_back(home: House, browser: Browser) -> None:
    browser.sign_in()
    value = browser.session
    form = token_of(browser.get("/worklist"))
    assert browser.http.post("/auth/logout", data={"token": form}).status_code == 200
    assert browser.session is None

    with Browser(home) as thief:
        thief.plant("session", value or "")
        for path in ("/worklist", "/worklist/events", f"/worklist/referral/{home.tasks['amy']}/letter.pdf"):
            assert thief.get(path).status_code == 401
        act = thief.http.post(f"/worklist/referral/{home.tasks['amy']}/claim", data={"token": form})
        assert act.status_code == 401


def test_the_clock_ends_sessions_of_the_service_too(home: House, browser: Browser) -> None:
    for column, past in ((session.c.seen_at, timedelta(minutes=31)), (session.c.until, timedelta(hours=13))):
        browser.sign_in()
        assert browser.get("/worklist/measures").status_code == 200
        with home.server.service.store.engine.begin() as connection:
            connection.execute(update(session).values({column: home.server.service.clock.now() - past}))
        assert browser.get("/worklist/measures").status_code == 401


def test_a_stream_ends_with_its_session(home: House, browser: Browser) -> None:
    browser.sign_in()
    with httpx.stream(
        "GET", f"{home.address}/worklist/events", cookies={"session": browser.session or ""}, timeout=30
    ) as stream:
        events = stream.iter_lines()
        assert next(events).startswith("event:")
        browser.sign_out()
        # The next thing that would be told is not: a red flag is acknowledged.
        browser.sign_in()
        assert browser.act(home.tasks["bea"], "acknowledge").status_code == 303
        assert not [line for line in events if line.startswith("event:")]


GUESSES = ("", "x", "x" * 43, "x" * 100_000, "%00", "'; DROP TABLE session --", "../session", '"', "\xff")


@pytest.mark.parametrize("value", GUESSES)
def test_a_guess_is_nobody(home: House, value: str) -> None:
    headers = {"Cookie": f"session={value}".encode("latin-1")}
    answer = httpx.get(f"{home.address}/worklist", headers=headers)

    assert answer.status_code in (401, 400, 431)


def test_a_form_must_come_from_a_page_of_the_same_session(
    home: House, browser: Browser, other: Browser
) -> None:
    other.sign_in("carl")
    browser.sign_in("nora")
    theirs, mine = other.token(), browser.token()
    task = home.tasks["amy"]
    before = home.server.http.get(f"/Task/{task}", headers=home.as_system("north")).json()
    # A cookie that somebody else could have set is no proof any more.
    browser.plant("worklist-token", "known")

    for token in ("", "known", theirs, browser.session or "", mine[:-1]):
        act = browser.http.post(f"/worklist/referral/{task}/comment", data={"token": token, "note": "x"})
        assert act.status_code == 403
        assert browser.http.post("/worklist/views", data={"token": token}).status_code == 403
        assert browser.http.post("/auth/logout", data={"token": token}).status_code == 403
    headers = {"Origin": "https://evil.example"}
    fields = {"token": mine, "note": "x"}
    act = browser.http.post(f"/worklist/referral/{task}/comment", data=fields, headers=headers)
    assert act.status_code == 403

    assert browser.http.get("/auth/logout").status_code == 405
    assert browser.get("/worklist/measures").status_code == 200, "nobody else has signed her out"
    after = home.server.http.get(f"/Task/{task}", headers=home.as_system("north")).json()
    assert after == before


def test_over_tls_cookies_are_of_this_host_alone(tmp_path: Path) -> None:
    with house(tmp_path, public_url="https://referrals.example") as home:
        login = httpx.get(f"{home.address}/auth/login")
        kept = login.headers["set-cookie"]
        home.site.user = "nora"
        location = httpx.get(login.headers["location"]).headers["location"]
        assert location.startswith("https://referrals.example/auth/callback?")
        back = location.replace("https://referrals.example", home.address)
        entered = httpx.get(back, headers={"Cookie": kept.partition(";")[0]})

        cookies = [kept, *entered.headers.get_list("set-cookie")]
        for cookie in cookies:
            name, *attributes = cookie.split("; ")
            assert name.startswith("__Host-")
            assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(attributes)
            assert not any(one.lower().startswith("domain") for one in attributes)
        (value,) = [one.split(";")[0] for one in cookies if one.startswith("__Host-session")]
        assert len(value.partition("=")[2]) == 43, "256 bits"
        page = httpx.get(f"{home.address}/worklist/measures", headers={"Cookie": value})
        assert page.status_code == 200
        plain = value.removeprefix("__Host-")
        assert httpx.get(f"{home.address}/worklist", headers={"Cookie": plain}).status_code == 401
