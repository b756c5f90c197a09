"""Facts, episodes and referrals as JSON in a column, and back."""

from typing import TypeVar

import msgspec

from referral_service.core.decision import Criterion, Decision
from referral_service.core.timeline import AnyFact
from referral_service.workflow.ports import Episode, Referral

Kind = TypeVar("Kind", bound=msgspec.Struct)

encode = msgspec.json.encode
fact = msgspec.json.Decoder(AnyFact).decode
referral = msgspec.json.Decoder(Referral).decode


# msgspec reads no union of two kinds of text, so a criterion's value is read as a number or a text
class _Criterion(Criterion, frozen=True, kw_only=True):
    value: int | str | None = None


class _Decision(Decision, frozen=True, kw_only=True):
    criteria: tuple[_Criterion, ...] = ()


class _Episode(Episode, frozen=True, kw_only=True):
    decision: _Decision


_episode = msgspec.json.Decoder(_Episode).decode


def episode(body: bytes) -> Episode:
    """An episode with its last decision."""
    read = _episode(body)
    criteria = tuple(_as(Criterion, one) for one in read.decision.criteria)
    decision = msgspec.structs.replace(_as(Decision, read.decision), criteria=criteria)
    return msgspec.structs.replace(_as(Episode, read), decision=decision)


def _as(kind: type[Kind], read: msgspec.Struct) -> Kind:
    return kind(**{name: getattr(read, name) for name in kind.__struct_fields__})
