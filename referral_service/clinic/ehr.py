"""A small EHR that posts charts to a FHIR server as real ones do: whole, piece by piece, unordered, twice."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Self

import httpx

from referral_service.clinic.items import Resource

FHIR_JSON = "application/fhir+json"
_PATIENCE_SECONDS = 60.0


class Refused(Exception):
    """The server did not take something; the text says what it answered, and names no patient."""


class Ehr:
    """One sender. Every resource is a PUT to its own id (update-as-create), so sending again adds nothing."""

    def __init__(self, fhir_base: str, seed: int = 0) -> None:
        """`seed` decides every order that is called shuffled; the same seed gives the same order."""
        self._base = fhir_base.rstrip("/")
        self._seed = seed
        self._http = httpx.Client(timeout=_PATIENCE_SECONDS, headers={"Content-Type": FHIR_JSON})
        self._manners: dict[str, Callable[[Sequence[Resource]], None]] = {
            "transaction": self.in_one_transaction,
            "one-by-one": self.one_by_one,
            "shuffled": self.shuffled,
            "twice": self.twice,
        }

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connections."""
        self._http.close()

    def send(self, chart: Sequence[Resource], manner: str) -> None:
        """Posts one patient's chart in the manner of the story's `send`; raises Refused."""
        self._manners[manner](chart)

    def in_one_transaction(self, chart: Sequence[Resource]) -> None:
        """The whole chart, or nothing of it."""
        entries = [
            {
                "fullUrl": f"{self._base}/{resource['resourceType']}/{resource['id']}",
                "resource": resource,
                "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"},
            }
            for resource in chart
        ]
        answer = self._ask("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        for entry in answer["entry"]:
            if not entry["response"]["status"].startswith("2"):
                raise Refused(f"transaction: an entry was answered {entry['response']['status']}")

    def one_by_one(self, chart: Sequence[Resource]) -> None:
        """Resource after resource, in the order of the chart."""
        for resource in chart:
            self._ask("PUT", f"/{resource['resourceType']}/{resource['id']}", resource)

    def shuffled(self, chart: Sequence[Resource]) -> None:
        """One by one, treatments before what they are for, or after it, and the Patient last of all."""
        self.one_by_one(list(self._unordered(chart)))

    def twice(self, chart: Sequence[Resource]) -> None:
        """In one transaction, and all of it again, shuffled."""
        self.in_one_transaction(chart)
        self.shuffled(chart)

    def _unordered(self, chart: Iterable[Resource]) -> Iterator[Resource]:
        def place(resource: Resource) -> tuple[bool, str]:
            name = f"{self._seed}/{resource['resourceType']}/{resource['id']}"
            return resource["resourceType"] == "Patient", sha256(name.encode()).hexdigest()

        return iter(sorted(chart, key=place))

    def _ask(self, method: str, path: str, body: Resource) -> Resource:
        response = self._http.request(method, self._base + path, json=body)
        if not response.is_success:
            kind = body["resourceType"]
            raise Refused(f"{method} of a {kind}: {response.status_code}; {_issues(response)}")
        answer: Resource = response.json()
        return answer


def _issues(response: httpx.Response) -> str:
    try:
        issues: list[dict[str, Any]] = response.json()["issue"]
        return "; ".join(f"{issue['code']} at {', '.join(issue.get('expression', []))}" for issue in issues)
    except (ValueError, KeyError, TypeError):
        return "no OperationOutcome"
