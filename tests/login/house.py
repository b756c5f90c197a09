"""A service with AUTH=smart for two tenants, the provider of its staff, an EHR that launches it; browsers."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from referral_service.cli.running import free_port
from referral_service.clinic.chart import build
from referral_service.wiring import build_assessor
from tests.api.people import CAUDA, EXHAUSTED
from tests.auth.forged import Pair
from tests.auth.house import access_file, bearer, outside
from tests.kit.server import Running, running
from tests.login.provider import SECRET, Provider, providing

Json = dict[str, Any]
CANARY = "Canary-of-the-south"
NOTHING: Json = {}
CLIENT, EHR_CLIENT = "spine-referrals", "referrals-in-the-ehr"


def of_staff(group: str, organisation: str = "north", **more: Any) -> Json:
    """The claims of a colleague."""
    return {"realm": {"groups": ["everybody", group]}, "organisation": organisation, **more}


STAFF: dict[str, Json] = {
    "nora": of_staff("Spine Coordinators", sub="nora"),
    "carl": of_staff("Surgeons", sub="carl"),
    "olga": of_staff("Operators", sub="olga"),
    "adam": of_staff("Auditors", sub="adam"),
    "nick": of_staff("Cooks", sub="nick"),
    "sue": of_staff("Spine Coordinators", "south", sub="sue"),
}
ROLES = {
    "Spine Coordinators": "coordinator",
    "Surgeons": "clinician",
    "Operators": "operator",
    "Auditors": "auditor",
}
DOCTOR: Json = {"doctor": {"sub": "u-7", "fhirUser": "https://ehr.example/fhir/Practitioner/doctor-7"}}


@dataclass
class House:
    """The service, who its people are known to, and a referral's Task by the patient's id."""

    server: Running
    site: Provider
    ehr: Provider
    feed: Pair
    tasks: Mapping[str, str]

    @property
    def address(self) -> str:
        """Where browsers reach it."""
        return self.server.address

    def as_system(self, tenant: str) -> dict[str, str]:
        """A token of a system of that tenant."""
        claims = outside(iss=f"https://{tenant}.example", aud=f"{self.address}/fhir")
        return bearer(self.feed.token(claims, typ="at+jwt"))

    def sessions(self) -> list[tuple[Any, ...]]:
        """Every row."""
        return self.server.dump()["session"]

    def matters(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row but those of sessions, and of who has looked at what."""
        dump = self.server.dump()
        said = [row for row in dump["ledger"] if "audit" not in row]
        return {**dump, "session": [], "ledger_head": [], "ledger": [row[2:5] for row in said]}


class Browser:
    """Somebody's: cookies and links, and no script."""

    def __init__(self, house: House) -> None:
        """Nobody is signed in yet."""
        self.house = house
        # Neither is asked over TLS; reading its authorities takes longer than most tests.
        self.http = httpx.Client(base_url=house.address, timeout=30, verify=False)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    @property
    def session(self) -> str | None:
        """The value of the cookie."""
        return self.http.cookies.get("session")

    def plant(self, name: str, value: str) -> None:
        """A cookie, as somebody else could have set it."""
        self.http.cookies.set(name, value, domain="127.0.0.1", path="/")

    def get(self, address: str, **headers: str) -> httpx.Response:
        """A page; no redirect is followed."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.get(urljoin(self.house.address, address), headers=named)

    def see(self, address: str) -> httpx.Response:
        """The page that it ends with."""
        return self.http.get(urljoin(self.house.address, address), follow_redirects=True)

    def begin(self, to: str = "/worklist") -> str:
        """The first step: where the browser is sent."""
        answer = self.http.get("/auth/login", params={"to": to})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def consent(self, address: str, user: str = "nora") -> str:
        """The second: the provider's answer, which the browser has not brought back yet."""
        site = self.house.ehr if address.startswith(self.house.ehr.issuer) else self.house.site
        site.user = user
        return httpx.get(address, verify=False).headers["location"]

    def sign_in(self, user: str = "nora", to: str = "/worklist") -> httpx.Response:
        """All three; the last answer."""
        return self.get(self.consent(self.begin(to), user))

    def launch(self, patient: str | None, **more: str) -> httpx.Response:
        """Out of a patient's chart in the EHR."""
        self.house.ehr.lies.answer = {"patient": patient}
        asked = {"iss": f"{self.house.ehr.issuer}/fhir", "launch": "launch-1", **more}
        answer = self.http.get("/auth/launch", params=asked)
        if answer.status_code != 303:
            return answer
        return self.get(self.consent(answer.headers["location"], "doctor"))

    def token(self, page: str = "/worklist/measures") -> str:
        """What the forms of this browser's pages bring."""
        return token_of(self.get(page))

    def act(self, task: str, verb: str, **fields: str) -> httpx.Response:
        """A form of a referral's page, filled in and sent."""
        address = f"/worklist/referral/{task}"
        hidden = dict(re.findall(r'name="(token|version)" value="([^"]*)"', self.get(address).text))
        return self.http.post(f"{address}/{verb}", data={**hidden, **fields})

    def sign_out(self, **changed: str) -> httpx.Response:
        """By the button on every page."""
        return self.http.post("/auth/logout", data={"token": self.token(), **changed})


def token_of(page: httpx.Response) -> str:
    """The hidden field."""
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


@contextmanager
def house(folder: Path, people: Json | None = NOTHING, **changed: Any) -> Iterator[House]:
    """`people` changes that section of the access file, None takes it away; `changed` are settings."""
    feed = Pair("feed-1", "ES256")
    (folder / "site.secret").write_text(f"{SECRET}\n", encoding="utf-8")
    with providing(CLIENT, STAFF) as site, providing(EHR_CLIENT, DOCTOR) as ehr:
        said = {
            "issuers": {
                name: {
                    "issuer": f"https://{name}.example",
                    "tenant": name,
                    "jwks": feed.jwks,
                    "token_url": f"https://{name}.example/token",
                }
                for name in ("north", "south")
            },
            "people": None if people is None else {**_colleagues(site), **people},
            "ehrs": {
                "clinic": {
                    "url": f"{ehr.issuer}/fhir",
                    "client_id": EHR_CLIENT,
                    "client_secret_file": "site.secret",
                    "tenant": "north",
                    "role": "clinician",
                }
            },
        }
        port = free_port("127.0.0.1")
        chosen = {
            "auth": "smart",
            "public_url": f"http://127.0.0.1:{port}",
            "access": access_file(folder, said),
            "port": port,
            **changed,
        }
        with running(folder / "data", **chosen) as served:
            yield House(served, site, ehr, feed, {})


def _colleagues(site: Provider) -> Json:
    return {
        "issuer": site.issuer,
        "client_id": CLIENT,
        "client_secret_file": "site.secret",
        "roles": {"claim": "realm.groups", "map": ROLES},
        "tenant_claim": "organisation",
    }


def furnish(home: House) -> House:
    """With a referral of each of three patients: two of the north, one of the south."""
    today = home.server.service.clock.as_of().date()
    for patient, tenant in (("amy", "north"), ("bea", "north"), ("cat", "south")):
        for resource in build({"id": patient, "given": [*EXHAUSTED, CAUDA]}, today):
            name = {"name": [{"family": f"{CANARY}-{patient}"}]} if resource["id"] == patient else {}
            path = f"/{resource['resourceType']}/{resource['id']}"
            sent = home.server.http.put(path, json={**resource, **name}, headers=home.as_system(tenant))
            assert sent.is_success, sent.text
    worker = build_assessor(home.server.service.settings, home.server.service.store)
    while worker.run_due():
        pass
    tasks = {}
    for patient, tenant in (("amy", "north"), ("bea", "north"), ("cat", "south")):
        found = home.server.http.get(f"/Task?patient=Patient/{patient}", headers=home.as_system(tenant))
        tasks[patient] = found.json()["entry"][0]["resource"]["id"]
    return House(home.server, home.site, home.ehr, home.feed, tasks)
