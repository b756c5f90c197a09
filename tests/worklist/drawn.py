"""Pictures as the tests draw them: of stories of the sample clinic, of vignettes, and of bare facts."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fhir_profiles import RESOURCES
from referral_service.api.worklist.picture import PictureView, view
from referral_service.clinic.chart import build
from referral_service.clinic.stories import load as stories
from referral_service.core.decide import ask
from referral_service.core.decision import Decision
from referral_service.core.timeline import AnyFact, Timeline
from referral_service.fhir.codes import CANONICAL_BASE
from referral_service.fhir.concepts import Terminology
from referral_service.fhir.parse import parse
from referral_service.fhir.read import Reader
from tests.kit.words import AS_OF, PATHWAY
from tests.vignettes.story import vignettes

# What is kept as a drawing: of the clinic the tellers of each kind of story, of the worked examples five.
KEPT = (
    "cauda-equina-after-two-weeks-of-therapy",
    "annular-tear-fails-six-months-of-care",
    "pain-returns-after-each-treatment-cycle",
    "second-mri-carries-a-progression-code",
    "nine-weeks-of-massage-and-no-exercise",
    "therapy-starts-again-after-half-a-year",
    "example-01-annular-tear-fails-six-months-of-care",
    "example-07-eight-months-of-medication-and-no-therapy",
    "example-08a-passive-care-with-massage-and-no-exercise",
    "example-09-pain-returns-after-each-treatment-cycle",
    "example-13-a-winter-without-care-restarts-the-trial",
    "example-14-fourteen-therapy-days-for-the-knee",
    "example-15-neck-and-back-each-on-its-own",
    "example-16-hardly-a-date-is-known",
)
_NOT_GIVEN = ("expect", "send", "title")
_PAGES = Environment(
    loader=PackageLoader("referral_service.api.worklist"), autoescape=True, undefined=StrictUndefined
)


@cache
def _reader() -> Reader:
    return Reader(Terminology.load(RESOURCES / "valuesets"), CANONICAL_BASE)


@cache
def _given() -> Mapping[str, tuple[Mapping[str, Any], date]]:
    """Every story with the day on which it is told."""
    told = {
        story["id"]: ({key: it for key, it in story.items() if key not in _NOT_GIVEN}, AS_OF)
        for story in stories()
    }
    return told | {v.id: ({"id": v.id, **v.given}, v.as_of) for v in vignettes()}


def facts_of(story: str) -> list[AnyFact]:
    """The facts of a story, read as an EHR's."""
    given, as_of = _given()[story]
    resources = (parse(json.dumps(it).encode()) for it in build(given, as_of))
    return [fact for resource in resources for fact in _reader().facts(resource)]


def pictures(facts: Sequence[AnyFact], as_of: date = AS_OF) -> list[tuple[Decision, PictureView]]:
    """Each decision of a patient with its picture."""
    decisions = ask(Timeline.of(facts), PATHWAY, as_of).decisions
    return [(each, view(facts, PATHWAY, each, as_of)) for each in decisions]


def picture(story: str) -> PictureView:
    """The picture of a story's only decision."""
    ((_, only),) = pictures(facts_of(story), _given()[story][1])
    return only


def drawing(shown: PictureView) -> str:
    """The SVG alone."""
    return str(_PAGES.get_template("picture.html").module.drawing(shown))


def page(shown: PictureView) -> str:
    """All of it: names, drawing, key, notes and table."""
    return str(_PAGES.get_template("picture.html").module.picture(shown))


def kept() -> dict[str, PictureView]:
    """The pictures that are kept, by the name of their file."""
    found = {}
    for story in KEPT:
        for decision, shown in pictures(facts_of(story), _given()[story][1]):
            found[f"{story}-{decision.region}.svg"] = shown
    return found
