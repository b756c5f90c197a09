"""A service that keeps who asked for what, two tenants, an auditor of each, and one decided patient."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from referral_service.auth.principal import Principal, Role
from referral_service.clinic.chart import build
from referral_service.wiring import build_assessor
from referral_service.workflow.ports import Tenant
from tests.api.people import CAUDA, EXHAUSTED
from tests.auth.house import House, house

Json = dict[str, Any]
CANARY = "Canary"
_AUDITOR = "Practitioner/auditor"


@dataclass(frozen=True)
class Audited:
    """The house, and whoever looks at what it keeps."""

    home: House

    def cookie(self, *roles: Role, tenant: str = "north", patient: str | None = None) -> dict[str, str]:
        """The session of a person in these roles."""
        authority = self.home.server.service.authority
        assert authority and authority.entrance
        person = Principal(
            tenant=Tenant(tenant),
            actor=f"Practitioner/{'-'.join(roles)}",
            roles=frozenset(roles),
            patient=patient,
        )
        return {"Cookie": f"__Host-session={authority.entrance.sessions.begin(person)}"}

    def search(self, tenant: str = "north", **asked: str) -> Json:
        """As an auditor; every page."""
        headers = self.cookie("auditor", tenant=tenant)
        found: Json = self.home.http.get("/AuditEvent", params=asked, headers=headers).json()
        return found

    def events(self, tenant: str = "north", **asked: str) -> list[Json]:
        """The newest first, without those of looking at them."""
        entries = self.search(tenant, **{"_count": "500", **asked}).get("entry", ())
        return [one for one in (it["resource"] for it in entries) if _AUDITOR not in str(one["agent"])]

    def after(self, last: int) -> list[Json]:
        """Those of the lines after that number."""
        return [one for one in self.events() if int(one["id"]) > last]

    @property
    def last(self) -> int:
        """The number of the last line of the north."""
        heads = self.home.server.service.store.ledger_heads()
        return next(head.seq for head in heads if head.tenant == "north")


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    """With one patient of the tenant north whose care is exhausted and who has a red flag."""
    folder = tmp_path_factory.mktemp("audited")
    (folder / "secret").write_text("a secret of sixteen letters or more", encoding="utf-8")
    people = {
        "issuer": "http://127.0.0.1:9",
        "client_id": "us",
        "client_secret_file": str(folder / "secret"),
        "roles": {"claim": "roles", "map": {"auditor": "auditor"}},
    }
    with house(folder, audit=None, told={"people": people}) as home:
        today = home.server.service.clock.as_of().date()
        for resource in build({"id": "shared", "given": [*EXHAUSTED, CAUDA]}, today):
            home.http.put(
                f"/{resource['resourceType']}/{resource['id']}",
                json={**resource, "language": CANARY},
                headers=home.as_client("north"),
            )
        worker = build_assessor(home.server.service.settings, home.server.service.store)
        while worker.run_due():
            pass
        yield Audited(home)
