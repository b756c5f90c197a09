"""What a clinic says of an order, from a form of the page to a Task as the clinic would have written it."""

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from referral_service.api.worklist import fate
from referral_service.core.referral import Business
from referral_service.fhir.business import business_status
from referral_service.fhir.search.reference import local

Json = dict[str, Any]
_BUSINESS: Final[Mapping[str, Business]] = {
    "booked": "scheduled",
    "seen": "completed",
    "no-show": "no-show",
    "cancelled": "cancelled",
}
_LONGEST: Final = 20_000
_DAY: Final = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")


def faults(form: Mapping[str, str], task: Json) -> dict[str, str]:
    """What is wrong with the form, by its field; `task` is the Task as it stands."""
    what = form.get("what", "")
    if what not in fate.SAYINGS:
        return {"what": "Choose what the clinic says."}
    found = {}
    on, reference, text = (form.get(name, "").strip() for name in ("on", "reference", "text"))
    if on and not _is_day(on):
        found["on"] = "Write the day as year-month-day, such as 2026-03-31."
    elif what == "booked" and not on and "executionPeriod" in task:
        found["on"] = "Write the new day, for another one is kept."
    if len(text) > _LONGEST:
        found["text"] = f"Write at most {_LONGEST} characters."
    if what == "report" and not reference and not text:
        found["reference"] = "Say where the report is, or write what it says."
    elif reference and not local(reference):
        found["reference"] = "Write it as Type/id, such as DiagnosticReport/123."
    return found


def told(task: Json, form: Mapping[str, str]) -> Json:
    """The Task as it is once this is said; the form has no faults."""
    what = form["what"]
    on, reference, text = (form.get(name, "").strip() for name in ("on", "reference", "text"))
    if what == "accepted":
        return {**task, "status": "accepted"}
    if what == "refused":
        return {**task, "status": "rejected", **({"statusReason": {"text": text}} if text else {})}
    if what == "report":
        outputs = [*task.get("output", ()), _report(reference, text)]
        business = business_status("report-received")
        return {**task, "status": "completed", "businessStatus": business, "output": outputs}
    said = {**task, "status": "in-progress", "businessStatus": business_status(_BUSINESS[what])}
    if on:
        said["executionPeriod"] = {"start": on}
    return said


def _report(reference: str, text: str) -> Json:
    found: Json = {"type": {"text": "report"}}
    if reference:
        return {**found, "valueReference": {"reference": reference}}
    data = b64encode(text.encode()).decode()
    return {**found, "valueAttachment": {"contentType": "text/plain", "data": data}}


def _is_day(said: str) -> bool:
    try:
        date.fromisoformat(said)
    except ValueError:
        return False
    return _DAY.fullmatch(said) is not None
