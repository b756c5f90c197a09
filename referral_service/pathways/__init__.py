"""The clinicians' own files, and their reader: a broken one stops the start, naming file, line and key."""

from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from referral_service.core.pathway import Pathway

DEFAULT = Path(__file__).parent / "spine-conservative-care.yaml"
_BASED_ON = "based_on"


class PathwayError(ValueError):
    """A policy file cannot be used; the text names the file, the line and each key at fault."""


def load(path: Path = DEFAULT) -> Pathway:
    """The pathway in `path`; raises PathwayError."""
    try:
        text = path.read_text(encoding="utf-8")
        return Pathway.model_validate(_content(path, text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PathwayError(f"{path}: {error}") from error
    except ValidationError as error:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        faults = (f"line {_line(root, f['loc'])}, {_key(f['loc'])}: {f['msg']}" for f in error.errors())
        raise PathwayError(f"{path}: " + "; ".join(faults)) from error


def load_for(path: Path, concepts: Container[str]) -> Pathway:
    """The pathway in `path`, all of whose concepts the terminology must know; raises PathwayError.

    A misspelt concept would switch its rule off without a word.
    """
    pathway = load(path)
    unknown = {concept: key for concept, key in pathway.named_concepts.items() if concept not in concepts}
    if unknown:
        faults = (f"{key}: the terminology has no concept {concept}" for concept, key in unknown.items())
        raise PathwayError(f"{path}: " + "; ".join(faults))
    return pathway


def _key(place: Sequence[int | str]) -> str:
    return ".".join(map(str, place)) or "the whole file"


def _line(node: yaml.Node | None, place: Sequence[int | str]) -> int:
    """The line of the key, or of the nearest that is there."""
    line = 1
    for name in place:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next(((key, value) for key, value in pairs if key.value == str(name)), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _content(path: Path, text: str) -> Any:
    """What the file says, over what the file beside it says that it is based on (one step, no chain)."""
    own = _read(path, text)
    if not isinstance(own, dict) or _BASED_ON not in own:
        return own
    based_on = path.parent / str(own.pop(_BASED_ON))
    return _over(_read(based_on, based_on.read_text(encoding="utf-8")), own)


def _read(path: Path, text: str) -> Any:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if twice := list(_repeated(root)):
        raise PathwayError(f"{path}: " + "; ".join(twice))
    return yaml.safe_load(text)


def _repeated(node: yaml.Node | None) -> Iterator[str]:
    """Keys that a mapping has twice, of which YAML would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield f"line {key.start_mark.line + 1}, {key.value}: written twice"
            seen.add(key.value)
            yield from _repeated(value)


def _over(below: Any, above: Any) -> Any:
    """`above` where it speaks, sections merged; a number with its source is replaced whole."""
    if isinstance(below, dict) and isinstance(above, dict) and "value" not in below:
        return {**below, **{key: _over(below.get(key), each) for key, each in above.items()}}
    return above
