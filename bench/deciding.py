"""How fast the core decides on facts already read, beside the least that any code would have to do.

The floor is a plain function over dicts that computes only trial time, active visit-days and the change of
one score, for one day. The core does all of the pathway, explains each criterion, and finds `wake_on` too.

Run: python -m bench.deciding
"""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from time import perf_counter
from typing import Any

from fhir_profiles import RESOURCES
from referral_service.clinic.chart import build
from referral_service.core.decide import ask
from referral_service.core.timeline import Timeline, Unused
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.read import Reader
from referral_service.pathways import load

AS_OF = date(2026, 6, 1)
FACTS = 60
STORIES: dict[str, list[dict[str, Any]]] = {
    "exhausted": [
        {"condition": "M51.360", "onset": -264},
        {"procedure": "97110", "from": -210, "to": -40, "count": 50},
        {"medication": "198014", "from": -212, "supply": 180},
        {"score": "97909-6", "value": 48, "unit": "%", "on": -208},
        {"score": "97909-6", "value": 47, "unit": "%", "on": -100},
        {"score": "97909-6", "value": 46, "unit": "%", "on": -12},
        {"imaging": "24968-0", "on": -137},
    ],
    "in-trial": [
        {"condition": "M54.50", "onset": -60},
        {"procedure": "97110", "from": -30, "to": -2, "count": 20},
        {"procedure": "97140", "from": -30, "to": -2, "count": 20},
        {"score": "72514-3", "value": 7, "on": -30},
        {"score": "72514-3", "value": 6, "on": -2},
    ],
}


def timeline(story: str, irrelevant: int = 0) -> Timeline:
    """A patient of FACTS facts, and `irrelevant` ones more that say nothing."""
    reader = Reader(Terminology.load(RESOURCES / "valuesets"), "https://spine-referral.example/fhir")
    facts = [f for r in build({"id": "bench", "given": STORIES[story]}, AS_OF) for f in reader.facts(r)]
    missing = max(0, FACTS - len(facts)) + irrelevant
    facts += [Unused(source=f"Encounter/{n}", reason="not-used") for n in range(missing)]
    return Timeline.of(facts)


def floor_rows(story: str) -> list[dict[str, Any]]:
    """The same patient as the plain dicts that the floor reads."""
    rows: list[dict[str, Any]] = []
    for resource in build({"id": "bench", "given": STORIES[story]}, AS_OF):
        if resource["resourceType"] == "Procedure":
            rows.append({"kind": "visit", "on": date.fromisoformat(resource["performedDateTime"][:10])})
        elif resource["resourceType"] == "Observation":
            value = Decimal(str(resource["valueQuantity"]["value"]))
            on = date.fromisoformat(resource["effectiveDateTime"][:10])
            rows.append({"kind": "score", "on": on, "value": value})
    return rows + [{"kind": "other"} for _ in range(FACTS - len(rows))]


def floor(rows: list[dict[str, Any]]) -> tuple[int, int, Decimal | None]:
    """Covered days, visit-days, and the change of the score."""
    days = {row["on"] for row in rows if row["kind"] == "visit"}
    covered = {day + timedelta(days=n) for day in days for n in range(15) if day + timedelta(days=n) <= AS_OF}
    scores = sorted((row["on"], row["value"]) for row in rows if row["kind"] == "score")
    change = scores[0][1] - scores[-1][1] if len(scores) > 1 else None
    return len(covered), len(days), change


def rate(run: Callable[[], object], seconds: float = 1.0) -> float:
    """Runs a second, on one core; the best of three."""
    best = 0.0
    for _ in range(3):
        done, start = 0, perf_counter()
        while perf_counter() - start < seconds:
            run()
            done += 1
        best = max(best, done / (perf_counter() - start))
    return best


def main() -> None:
    """Prints patients per second and core, the floor's, and their ratio."""
    pathway = load()
    for story in STORIES:
        rows, chart, crowded = floor_rows(story), timeline(story), timeline(story, irrelevant=600)
        least = rate(partial(floor, rows))
        whole = rate(partial(ask, chart, pathway, AS_OF))
        many = rate(partial(ask, crowded, pathway, AS_OF))
        print(
            f"{story}: {whole:,.0f} patients/s; floor {least:,.0f}/s; floor/core {least / whole:.1f}; "
            f"with 600 irrelevant facts more {many:,.0f}/s ({whole / many:.2f} times slower)"
        )


if __name__ == "__main__":
    main()
