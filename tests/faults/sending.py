"""Senders and a reviewer that never give up: what was not acknowledged is sent again, as an EHR would.

Each remembers what the service has acknowledged to it; tests/faults/audit.py holds the service to that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from hashlib import sha256
from itertools import count
from random import Random
from threading import Event
from time import monotonic, sleep
from typing import Any

import httpx

from referral_service.clinic.chart import build
from referral_service.clinic.ehr import FHIR_JSON
from referral_service.clinic.stories import Story, load

Json = dict[str, Any]
OURS = "urn:ietf:rfc:3986"
REVIEWER = "Practitioner/reviewer"
AGAIN = (429, 503, 504)  # what may well succeed when it is asked again
CAUDA = {"condition": "G83.4", "onset": -1, "id": "cauda"}
_ANSWER_SECONDS = 20.0
_PATIENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.05
_REFERRED = ("exhausted", "urgent")
# Never created by a condition: others refer to them by their ids.
_NAMED = ("Patient", "Condition")
_ONE_IDENTIFIER = ("QuestionnaireResponse",)


class Refused(Exception):
    """The service refused for good what it should have taken."""


class Doors:
    """The API processes of one service. Whoever is not answered by one goes to another."""

    def __init__(self, addresses: Sequence[str], random: Random) -> None:
        """`addresses` of /fhir; `random` picks among them. For one thread."""
        self._addresses = addresses
        self._random = random
        self._http = httpx.Client(timeout=_ANSWER_SECONDS, headers={"Content-Type": FHIR_JSON})
        self.lost = 0

    def ask(
        self, method: str, path: str, body: Json | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """The first answer that is no failure of the service's; `lost` counts the others."""
        end = monotonic() + _PATIENCE_SECONDS
        while monotonic() < end:
            address = self._random.choice(self._addresses)
            with suppress(httpx.TransportError):
                answer = self._http.request(method, address + path, json=body, headers=headers)
                if answer.status_code not in AGAIN:
                    return answer
            self.lost += 1
            sleep(_PAUSE_SECONDS)
        raise Refused(f"nobody answers {method} any more")

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()


class Sender:
    """One EHR that sends the sample clinic's charts under ids of its own until it is told to stop.

    `contents` are the different contents of each resource that were acknowledged, by "Type/id", in order;
    `created` the ids that the service has given to what was created by condition, by type and identifier;
    `charts` every resource of each patient, whose chart is always sent to its end.
    """

    def __init__(self, name: str, doors: Doors, random: Random, today: date) -> None:
        """The same `random` makes the same charts."""
        self.contents: dict[str, list[Json]] = {}
        self.created: dict[tuple[str, str], set[str]] = {}
        self.charts: dict[str, list[Json]] = {}
        self.doors = doors
        self._name = name
        self._random = random
        self._today = today
        self._manners: list[Callable[[Sequence[Json]], None]] = [
            self._one_by_one,
            self._in_a_transaction,
            self._in_a_batch,
            self._by_condition,
        ]

    def send(self, is_over: Event) -> None:
        """Chart after chart; now and then something new about an earlier patient."""
        stories = list(self._stories())
        for number in count(1):
            if is_over.is_set():
                break
            if self.charts and self._random.random() < 0.25:
                self._think_again(self._random.choice(list(self.charts)))
                continue
            story = {**self._random.choice(stories), "id": f"{self._name}-{number}"}
            chart = build(story, self._today)
            self.charts[str(story["id"])] = list(chart)
            self._random.choice(self._manners)(chart)
        self.doors.close()

    def _stories(self) -> Iterator[Story]:
        """Half of those that are drawn end in a referral."""
        stories = load()
        referred = [s for s in stories if any(e["outcome"] in _REFERRED for e in s["expect"])]
        yield from stories
        for _ in range(len(stories) // len(referred) - 1):
            yield from referred

    def _think_again(self, patient: str) -> None:
        """A red flag, or another content of the Patient."""
        chart = self.charts[patient]
        if self._random.random() < 0.5:
            flag = build({"id": patient, "given": [CAUDA]}, self._today)[1]
            if flag not in chart:
                chart.append(flag)
            self._one_by_one([flag])
        else:
            again = {**chart[0], "active": not chart[0].get("active", False)}
            chart[0] = again
            self._one_by_one([again])

    def _one_by_one(self, chart: Sequence[Json]) -> None:
        for resource in chart:
            self._accept(self.doors.ask("PUT", f"/{_name(resource)}", resource))
            self._acknowledged(resource)

    def _in_a_transaction(self, chart: Sequence[Json]) -> None:
        self._bundle("transaction", chart)

    def _in_a_batch(self, chart: Sequence[Json]) -> None:
        self._bundle("batch", chart)

    def _bundle(self, kind: str, chart: Sequence[Json]) -> None:
        entries = [{"resource": one, "request": {"method": "PUT", "url": _name(one)}} for one in chart]
        waiting = True
        while waiting:
            answer = self.doors.ask("POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries})
            self._accept(answer)
            statuses = [int(one["response"]["status"][:3]) for one in answer.json()["entry"]]
            if unexpected := [one for one in statuses if not 200 <= one < 300 and one not in AGAIN]:
                raise Refused(f"an entry was answered {unexpected[0]}")
            waiting = any(one in AGAIN for one in statuses)
        for resource in chart:
            self._acknowledged(resource)

    def _by_condition(self, chart: Sequence[Json]) -> None:
        """Visits, scores and drugs as systems send them that keep no ids: created, unless they are there."""
        self._one_by_one([one for one in chart if one["resourceType"] in _NAMED])
        for resource in chart:
            if resource["resourceType"] in _NAMED:
                continue
            kind, value = resource["resourceType"], f"urn:tests:{resource['id']}"
            anew = {key: it for key, it in resource.items() if key != "id"}
            identifier = {"system": OURS, "value": value}
            anew["identifier"] = identifier if kind in _ONE_IDENTIFIER else [identifier]
            once = {"If-None-Exist": f"identifier={OURS}|{value}"}
            answer = self.doors.ask("POST", f"/{kind}", anew, once)
            self._accept(answer)
            self.created.setdefault((kind, value), set()).add(answer.json()["id"])
            self._acknowledged({**anew, "id": answer.json()["id"]})

    def _accept(self, answer: httpx.Response) -> None:
        if not answer.is_success:
            raise Refused(f"{answer.request.method} was answered {answer.status_code}: {answer.text}")

    def _acknowledged(self, resource: Json) -> None:
        contents = self.contents.setdefault(_name(resource), [])
        if not contents or contents[-1] != resource:
            contents.append(resource)


class Reviewer:
    """A person who approves two in three of the proposals, and asks again when no answer comes.

    `asked` are the proposals whose approval was sent at least once; `orders` what became of those whose
    approval was acknowledged: the order's id, or "" where only the proposal's new state said so.
    """

    def __init__(self, doors: Doors) -> None:
        """Sends nothing yet."""
        self.asked: set[str] = set()
        self.orders: dict[str, str] = {}
        self.doors = doors

    def review(self, is_over: Event) -> None:
        """Until it is told to stop."""
        while not is_over.is_set():
            for identity in self._drafts():
                if not is_over.is_set() and _is_chosen(identity):
                    self._approve(identity)
            is_over.wait(0.2)
        self.doors.close()

    def _drafts(self) -> list[str]:
        """The newest first."""
        drafts = "/ServiceRequest?status=draft&intent=proposal&_sort=-authored&_count=20"
        found = self.doors.ask("GET", drafts).json().get("entry", ())
        return [entry["resource"]["id"] for entry in found]

    def _approve(self, identity: str) -> None:
        self.asked.add(identity)
        address = f"/ServiceRequest/{identity}"
        answer = self.doors.ask("POST", f"{address}/$approve", headers={"X-Actor": REVIEWER})
        if answer.is_success:
            self.orders[identity] = answer.json()["id"]
        elif answer.status_code == 409:
            # an answer that was lost before, or something that came between
            if self.doors.ask("GET", address).json()["status"] == "completed":
                self.orders.setdefault(identity, "")
        else:
            raise Refused(f"$approve was answered {answer.status_code}: {answer.text}")


def _name(resource: Json) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _is_chosen(identity: str) -> bool:
    return sha256(identity.encode()).digest()[0] % 3 > 0
