"""What a client sends, accepts and prefers, read leniently: JSON under any of its names, never XML."""

from functools import lru_cache

from referral_service.api.errors import HttpProblem

_JSON = frozenset(
    {
        "application/fhir+json",
        "application/json",
        "application/json+fhir",
        "text/json",
        "json",
        "application/fhir json",
    }
)
_ANY = frozenset({"*/*", "application/*"})
_RELEASES = frozenset({"", "4.0", "4.0.1", "4"})


@lru_cache(256)
def acceptable(accept: str, format_asked: str) -> None:
    """Raises 406 unless the client takes JSON; `_format` goes before the Accept header."""
    wanted = format_asked or accept
    if wanted and not any(_takes_json(one) for one in wanted.split(",")):
        raise HttpProblem(406, "not-supported", "This service speaks FHIR R4 in JSON only.")


@lru_cache(256)
def readable(content_type: str, encoding: str) -> None:
    """Raises 415 unless a body of this type is JSON in UTF-8; a missing type is taken for JSON."""
    name, parameters = _parts(content_type)
    if (name and name not in _JSON) or not _is_ours(parameters) or encoding not in ("", "identity"):
        raise HttpProblem(415, "not-supported", "Send application/fhir+json in UTF-8, not compressed.")


@lru_cache(256)
def preferences(prefer: str) -> dict[str, str]:
    """The Prefer header's tokens, such as {"return": "minimal", "handling": "strict"}."""
    tokens = (token.strip().partition("=") for token in prefer.replace(";", ",").split(","))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in tokens if name}


def _takes_json(one: str) -> bool:
    name, parameters = _parts(one)
    return (
        (name in _JSON or name in _ANY) and parameters.get("q") not in ("0", "0.0") and _is_ours(parameters)
    )


def _is_ours(parameters: dict[str, str]) -> bool:
    charset = parameters.get("charset", "utf-8").lower()
    return charset in ("utf-8", "utf8", "us-ascii") and parameters.get("fhirversion", "") in _RELEASES


def _parts(media_type: str) -> tuple[str, dict[str, str]]:
    name, *rest = media_type.split(";")
    pairs = (parameter.partition("=") for parameter in rest)
    return name.strip().lower(), {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
