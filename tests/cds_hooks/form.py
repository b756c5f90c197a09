"""Whether an answer has the form that CDS Hooks 2.0 gives it: this page's own reading of the specification.

Source: https://cds-hooks.hl7.org/2.0/#cds-service-response.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from referral_service.fhir.check import check
from referral_service.fhir.parse import dump, parse

Json = dict[str, Any]
CARD = {"uuid", "summary", "detail", "indicator", "source"}
OF_SUGGESTIONS = {"suggestions", "selectionBehavior"}
# Whatever looks like markup, but for the tables that the service makes.
_UNESCAPED = re.compile(r"(?<!\\)[*_`<>\[\]#~!{}&]")


def faults_of(answer: Json) -> list[str]:
    """What is wrong with it, one line each."""
    if answer.keys() != {"cards"} or not isinstance(answer["cards"], list):
        return [f"an answer has cards and nothing else: {sorted(answer)}"]
    found = [f"card {n}: {fault}" for n, card in enumerate(answer["cards"]) for fault in _faults(card)]
    ids = [card.get("uuid") for card in answer["cards"]]
    return found + (["two cards have one uuid"] if len(set(ids)) < len(ids) else [])


def _faults(card: Json) -> Iterator[str]:
    if missing := CARD - card.keys():
        yield f"misses {missing}"
        return
    if strange := card.keys() - CARD - OF_SUGGESTIONS - {"overrideReasons", "links"}:
        yield f"has {strange}"
    wrong = {
        f"indicator {card['indicator']}": card["indicator"] not in ("info", "warning", "critical"),
        f"summary of {len(card['summary'])} characters": not 0 < len(card["summary"]) < 140,
        "a line break in the summary": "\n" in card["summary"],
        "uuid": str(UUID(card["uuid"])) != card["uuid"],
        "suggestions without selectionBehavior": len(OF_SUGGESTIONS & card.keys()) == 1,
        "a link that is not absolute": any(one.get("type") != "absolute" for one in card.get("links", ())),
    }
    yield from (fault for fault, is_there in wrong.items() if is_there)
    yield from _faults_of_detail(card["detail"])
    yield from _faults_of_source(card["source"])
    for suggestion in card.get("suggestions", ()):
        yield from _faults_of_suggestion(suggestion)
    for reason in card.get("overrideReasons", ()):
        is_coded = reason.get("code") and reason.get("system")
        if not is_coded or not reason.keys() <= {"code", "system", "display"}:
            yield f"override reason {sorted(reason)}"


def _faults_of_detail(detail: str) -> Iterator[str]:
    """Paragraphs of words, and one table of four columns."""
    blocks = detail.split("\n\n")
    tables = [block for block in blocks if block.startswith("|")]
    if len(tables) != 1:
        yield f"{len(tables)} tables"
        return
    rows = tables[0].split("\n")
    if any(len(re.findall(r"(?<!\\)\|", row)) != 5 for row in rows):
        yield "a row of another length"
    words = [block for block in blocks if block not in tables] + [row for row in rows[2:]]
    yield from (f"markup in {one!r}" for one in words if _UNESCAPED.search(one))
    yield from (f"a line break in {one!r}" for one in words if "\n" in one)


def _faults_of_source(source: Mapping[str, Any]) -> Iterator[str]:
    if not source.get("label"):
        yield "source without a label"
    address = urlsplit(source.get("url", ""))
    if address.scheme not in ("http", "https") or not address.netloc:
        yield "source's url is not absolute"
    if not source.get("topic", {}).get("code") or not source["topic"].get("system"):
        yield "source without a topic"


def _faults_of_suggestion(suggestion: Json) -> Iterator[str]:
    if not suggestion.get("label") or not suggestion.get("uuid"):
        yield "a suggestion needs label and uuid"
    for action in suggestion["actions"]:
        resource = action["resource"]
        if action["type"] != "create" or not action["description"]:
            yield f"action {action['type']}"
        if resource["resourceType"] != "ServiceRequest" or resource["status"] != "draft":
            yield f"proposes {resource['resourceType']} {resource.get('status')}"
        if "id" in resource:
            yield "what is to be created has no id yet"
        yield from (f"{issue.expression}: {issue.diagnostics}" for issue in check(parse(dump(resource))))
