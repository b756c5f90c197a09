"""The clinicians' own files, and their reader: a broken one stops the start, naming file and key."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from referral_service.core.pathway import Pathway

DEFAULT = Path(__file__).parent / "spine-conservative-care.yaml"


class PathwayError(ValueError):
    """A policy file cannot be used; the text names the file and each key at fault."""


def load(path: Path = DEFAULT) -> Pathway:
    """The pathway in `path`; raises PathwayError."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Pathway.model_validate(content)
    except (OSError, yaml.YAMLError) as error:
        raise PathwayError(f"{path}: {error}") from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise PathwayError(f"{path}: " + "; ".join(faults)) from error
