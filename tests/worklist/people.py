"""Patients of the pages' tests: a chart, and who they are."""

from typing import Any

from tests.api.people import House

Json = dict[str, Any]
SYSTEM = "urn:example:mrn"


def named(house: House, name: str, *given: Json, born: str = "1979-04-02") -> str:
    """A patient of that name with this story, judged; their number is the name backwards."""
    given_name, _, family = name.partition(" ")
    patient = house.chart(*given)
    house.server.put(
        {
            "resourceType": "Patient",
            "id": patient,
            "birthDate": born,
            "name": [{"use": "official", "given": [given_name], "family": family}],
            "identifier": [{"system": SYSTEM, "value": name[::-1].replace(" ", "-")}],
        }
    )
    house.judge()
    return patient
