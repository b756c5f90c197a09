"""What the picture calls things: concepts and instruments by name, and dates as precise as they are."""

from datetime import date
from decimal import Decimal
from typing import Final

from referral_service.core.dates import ENDLESS, When

# Where a concept's own name, its underscores taken away, is not what a clinician would say.
_NAMES: Final = {
    "med_nsaid": "NSAID",
    "med_nsaid_aspirin": "Aspirin",
    "med_neuropathic": "Neuropathic agent",
    "med_topical": "Topical agent",
    "med_anticoagulant_caution": "Anticoagulant",
    "physical_therapy_active": "Active physical therapy",
    "physical_therapy_exercise": "Therapeutic exercise",
    "behavioral_cbt": "Behavioral therapy (CBT)",
    "manual_or_complementary_occupational_therapy": "Occupational therapy",
    "passive_estim": "Electrical stimulation",
    "passive_heat": "Heat",
    "passive_cold": "Cold",
    "passive_heat_cold": "Heat or cold",
    "passive_ultrasound": "Ultrasound",
    "tens": "TENS",
    "self_management_activity_education": "Activity education",
    "self_management_education": "Education",
    "self_management_exercise_advice": "Exercise advice",
    "self_management_posture": "Posture advice",
    "self_management_rest": "Advice on rest",
    "facet_or_mbb": "Facet injection or medial branch block",
    "facet_rfa": "Facet radiofrequency ablation",
    "si_joint_injection": "Sacroiliac joint injection",
    "prior_spine_surgery": "Spine surgery",
    "mri": "MRI",
    "ct": "CT",
    "ct_myelogram": "CT myelogram",
    "xray": "X-ray",
    "xray_dynamic": "Dynamic X-ray",
    "xray_scoliosis": "Scoliosis X-ray",
    "imaging_report_generic": "Imaging report",
    "imaging_progression": "Progression",
    "anesthesia_of_skin_proxy_for_saddle": "Numb skin",
    "monoplegia_leg": "Monoplegia of a leg",
}
_INSTRUMENTS: Final = {
    "numeric-pain-rating": "rating",
    "visual-analogue": "visual scale",
    "peg": "PEG",
    "promis-pain-interference": "PROMIS PI",
    "oswestry": "ODI",
    "roland-morris": "Roland-Morris",
    "neck-disability-index": "NDI",
    "promis-physical-function": "PROMIS PF",
}
_SCALES: Final = {"percent": " %", "millimetre": " mm", "points": ""}


def concept(name: str) -> str:
    """A concept in plain words."""
    return _NAMES.get(name) or name.removeprefix("med_").replace("_", " ").capitalize()


def instrument(name: str) -> str:
    """The usual short name of an outcome measure."""
    return _INSTRUMENTS.get(name) or name.replace("-", " ")


def value(number: Decimal, scale: str = "points") -> str:
    """A score without needless zeros, with its unit."""
    return f"{number.normalize():f}{_SCALES[scale]}"


def day(ordinal: int) -> str:
    """A day in ISO."""
    return date.fromordinal(ordinal).isoformat()


def when(moment: When) -> str:
    """A date as precisely as its sender wrote it: a day, a month, a year, else between which days."""
    first, last = moment.earliest, moment.latest
    if first == last:
        return first.isoformat()
    after = date.fromordinal(min(last.toordinal() + 1, ENDLESS))
    if first.day == 1 and (after.day == 1 or last == date.max):
        if (first.month, last.month) == (1, 12) and first.year == last.year:
            return f"{first.year}"
        if (first.year, first.month) == (last.year, last.month):
            return first.isoformat()[:7]
    return f"between {first} and {last}"


def through(start: When, end: When | None, last: int) -> str:
    """A span of days; `last` is the last one where `end` does not say it, ENDLESS for what goes on."""
    if last == ENDLESS:
        return f"{when(start)}, goes on"
    if end is None:
        return when(start) if start.latest.toordinal() >= last else f"{when(start)} to {day(last)}"
    return when(start) if start == end else f"{when(start)} to {when(end)}"


def count(number: int, noun: str) -> str:
    """As in "1 visit" and "2 visits"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
