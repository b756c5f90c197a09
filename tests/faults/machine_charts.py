"""What senders send about two patients: parts of a chart, and what they say who have changed their mind."""

from collections.abc import Mapping
from typing import Any

from referral_service.clinic.chart import build
from referral_service.workflow.ports import PatientId
from tests.kit.judged import TODAY

Json = dict[str, Any]
Part = tuple[Json, ...]
PATIENTS = (PatientId("ann"), PatientId("bob"))

_FOR_DISC, _FOR_NECK = {"ref": "disc"}, {"ref": "neck"}
_VISITS = {"every": {"from": -150, "to": -40, "step": 14}}
_LINES: Mapping[str, Json] = {
    "disc": {"condition": "M51.360", "onset": -264},
    "visits": {"procedure": "97110", **_VISITS, "reason": _FOR_DISC},
    "pills": {"medication": "198014", "from": -152, "supply": 120, "reason": _FOR_DISC},
    "before": {"score": "97909-6", "value": 48, "unit": "%", "on": -148},
    "after": {"score": "97909-6", "value": 46, "unit": "%", "on": -12},
    "mri": {"imaging": "24968-0", "on": -137},
    "neck": {"condition": "M48.02", "onset": -250},
    "neck-visits": {"procedure": "97110", **_VISITS, "reason": _FOR_NECK},
    "neck-pills": {"medication": "198014", "from": -152, "supply": 120, "reason": _FOR_NECK},
    "neck-before": {"score": "82237-9", "value": 48, "unit": "%", "on": -148},
    "neck-after": {"score": "82237-9", "value": 46, "unit": "%", "on": -12},
    "neck-mri": {"imaging": "24935-9", "on": -130},
    "stenosis": {"condition": "M48.061", "onset": -100},
    "cauda": {"condition": "G83.4", "onset": -1},
    "retention": {"condition": "R33.9", "onset": -3},
    "numbness": {"condition": "R20.0", "onset": -4},
    "earlier": {"condition": "M54.41", "onset": -900, "abated": -700},
    "link": {"condition": "M54.50", "onset": -750},
    "visit": {"procedure": "97110", "on": -3},
    "refusal": {"refuses": "306265007", "on": -20},
    "veteran": {"coverage": "VET"},
    "pregnancy": {"pregnancy": True, "on": -30},
    "order": {"order": "308482002", "on": -5, "status": "active", "intent": "order"},
}
# The same line, said otherwise.
_OTHERWISE: Mapping[str, tuple[Json, ...]] = {
    "disc": (
        {"verification": "refuted"},
        {"verification": "entered-in-error"},
        {"onset": -300},
        {"abated": -5},
        {"condition": "M54.50"},
    ),
    "visits": ({"status": "not-done"}, {"reason": _FOR_NECK}),
    "after": ({"value": 20}, {"value": 70}, {"status": "entered-in-error"}, {"on": -90}),
    "mri": ({"status": "preliminary"}, {"on": -400}),
    "neck": ({"verification": "refuted"}, {"abated": -5}),
    "neck-after": ({"value": 20}, {"status": "entered-in-error"}),
    "stenosis": ({"verification": "refuted"},),
    "cauda": ({"verification": "refuted"}, {"abated": -1}, {"onset": -100}),
    "retention": ({"verification": "refuted"}, {"category": "encounter-diagnosis"}),
    "numbness": ({"verification": "refuted"},),
    "refusal": ({"status": "inactive"}, {"period": [-20, -1]}, {"period": [None, 0]}),
    "pregnancy": ({"status": "entered-in-error"},),
    "order": ({"status": "completed"},),
}
# Born so; died so. The third comes of age half a year later.
_PEOPLE: tuple[Json, ...] = ({}, {"died": -2}, {"born": "2008-12-01"})
_CARE = ("disc", "visits", "pills", "before", "mri")
_NECK = ("neck", "neck-visits", "neck-pills", "neck-before", "neck-mri")


def _person(patient: str, said: Json) -> Part:
    return (build({"id": patient, **said}, TODAY)[0],)


def _lines(patient: str, lines: Mapping[str, Json]) -> dict[str, Part]:
    """The resources that each line comes to."""
    given = [{**line, "id": name} for name, line in lines.items()]
    found: dict[str, Part] = {}
    for resource in build({"id": patient, "given": given}, TODAY)[1:]:
        stem = resource["id"].removeprefix(f"{patient}-")
        name = stem if stem in lines else stem.rpartition("-")[0]
        found[name] = (*found.get(name, ()), resource)
    return found


def _parts(patient: str) -> dict[str, Part]:
    """By name; "disc: 2" is the second way in which the line `disc` is said otherwise."""
    found = _lines(patient, _LINES)
    for name, others in _OTHERWISE.items():
        for number, said in enumerate(others, 1):
            found[f"{name}: {number}"] = _lines(patient, {**_LINES, name: _LINES[name] | said})[name]
    found |= {f"person: {number}": _person(patient, said) for number, said in enumerate(_PEOPLE)}
    found["care"] = sum((found[name] for name in ("person: 0", *_CARE)), ())
    found["exhausted"] = (*found["care"], *found["after"])
    found["exhausted and flagged"] = (*found["exhausted"], *found["cauda"])
    found["neck care"] = sum((found[name] for name in _NECK), ())
    found["two regions"] = (*found["exhausted"], *found["neck care"], *found["neck-after"])
    return found


_PARTS: dict[str, dict[str, Part]] = {patient: _parts(patient) for patient in PATIENTS}
NAMES = tuple(sorted(_PARTS["ann"]))


def part(patient: str, name: str) -> Part:
    """The resources of a part of a patient's chart."""
    return _PARTS[patient][name]


def moved(resource: Json, patient: str) -> Json:
    """The same resource, said of another patient; a Patient stays who it is."""
    owners = {"beneficiary", "patient", "subject"} & resource.keys()
    return resource | {owner: {"reference": f"Patient/{patient}"} for owner in owners}
