"""What a wrong policy is told: every fault with the key that it stands under."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fhir_profiles import RESOURCES
from referral_service.fhir.concepts import Terminology
from referral_service.pathways import DEFAULT, PathwayError, load, load_for

CONCEPTS = Terminology.load(RESOURCES / "valuesets").concepts()


@pytest.fixture
def content() -> Any:
    """The shipped policy, to be spoilt."""
    return yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))


def written(content: object, folder: Path) -> Path:
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_range_of_one_value_is_none(content: Any, tmp_path: Path) -> None:
    content["instruments"]["peg"].update(low=10, high=10)
    with pytest.raises(PathwayError, match="low is not below high"):
        load(written(content, tmp_path))


def test_all_groups_that_there_are_not_are_named(content: Any, tmp_path: Path) -> None:
    content["red_flags"]["urgent_alone"] += ["arm-drop", "a-fall"]
    with pytest.raises(PathwayError, match=r"no soft group is called a-fall, arm-drop$"):
        load(written(content, tmp_path))


def test_all_concepts_of_two_instruments_are_named(content: Any, tmp_path: Path) -> None:
    instruments = content["instruments"]
    instruments["peg"]["concepts"] += [*instruments["oswestry"]["concepts"], "pain_vas"]
    with pytest.raises(PathwayError, match=r"in two instruments: odi_score, pain_vas$"):
        load(written(content, tmp_path))


@pytest.mark.parametrize(
    "key",
    [
        "concepts.opioid",
        "instruments.peg.concepts",
        "red_flags.soft_groups.gait",
        "red_flags.stat",
        "red_flags.medical",
        "red_flags.competing",
    ],
)
def test_a_misspelt_concept_is_named_with_its_key(key: str, content: Any, tmp_path: Path) -> None:
    *names, last = key.split(".")
    section = content
    for name in names:
        section = section[name]
    section[last] = (
        {**section[last], "foot_dropp": []} if key.endswith("competing") else [*section[last], "foot_dropp"]
    )
    with pytest.raises(PathwayError, match=f": {key}: the terminology has no concept foot_dropp$"):
        load_for(written(content, tmp_path), CONCEPTS)
