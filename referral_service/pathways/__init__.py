"""The clinicians' own files, and their reader: a broken one stops the start, naming file and key."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from referral_service.core.pathway import Pathway

DEFAULT = Path(__file__).parent / "spine-conservative-care.yaml"
_BASED_ON = "based_on"


class PathwayError(ValueError):
    """A policy file cannot be used; the text names the file and each key at fault."""


def load(path: Path = DEFAULT) -> Pathway:
    """The pathway in `path`; raises PathwayError."""
    try:
        return Pathway.model_validate(_content(path))
    except (OSError, yaml.YAMLError) as error:
        raise PathwayError(f"{path}: {error}") from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise PathwayError(f"{path}: " + "; ".join(faults)) from error


def _content(path: Path) -> Any:
    """What the file says, over what the file beside it says that it is based on (one step, no chain)."""
    own = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(own, dict) or _BASED_ON not in own:
        return own
    based_on = path.parent / str(own.pop(_BASED_ON))
    return _over(yaml.safe_load(based_on.read_text(encoding="utf-8")), own)


def _over(below: Any, above: Any) -> Any:
    """`above` where it speaks, sections merged; a number with its source is replaced whole."""
    if isinstance(below, dict) and isinstance(above, dict) and "value" not in below:
        return {**below, **{key: _over(below.get(key), each) for key, each in above.items()}}
    return above
