"""Batch: a Bundle whose entries succeed or fail each by itself."""

import asyncio
from collections.abc import Iterable, Sequence

from referral_service.api.errors import of_one_among_others
from referral_service.api.fhir import entries
from referral_service.api.fhir.exchange import Answer, Ask
from referral_service.api.fhir.face import Face
from referral_service.core.problem import Category, Issue, Problem
from referral_service.fhir import bundle
from referral_service.fhir.bundle import Entry
from referral_service.fhir.transaction import ORDER

# So many go to the store together; then others have their turn.
_STRIDE = 100
_READS = 4  # each may give a large page
_TOO_MUCH = Answer(status=entries.TOO_MUCH.status, issues=entries.TOO_MUCH.issues)


async def batch(face: Face, ask: Ask, faults: Sequence[Issue]) -> Answer:
    """200 and a batch-response; `faults` are what the checker found, each in some entry."""
    refused = bundle.by_entry(faults)
    if refused is None:
        raise Problem(Category.INCORRECT, *faults)
    answers = {index: _refused(issues) for index, issues in refused.items()}
    waiting: list[Entry] = []
    items = ask.content.get("entry", ())
    read = {index: bundle.read(index, item) for index, item in enumerate(items) if index not in answers}
    telling = await entries.telling(face, ask, (one for one in read.values() if isinstance(one, Entry)))
    for index, one in read.items():
        entry = bundle.heeded(one) if isinstance(one, Entry) and index in telling else one
        if isinstance(entry, Entry):
            waiting.append(entry)
        else:
            answers[index] = _refused(entry)
    for turn in range(max(ORDER.values()) + 1):
        same = [entry for entry in waiting if ORDER.get(entry.method, 0) == turn]
        answers.update(await _in_turn(face, ask, same))
    return Answer(
        status=200, body=entries.response("batch-response", ask, (answers[i] for i in sorted(answers)))
    )


async def _in_turn(face: Face, ask: Ask, same: Sequence[Entry]) -> dict[int, Answer]:
    """The answers to entries of one method, by index; reads end once they have given too much."""
    answers: dict[int, Answer] = {}
    read = 0
    stride = _READS if same and same[0].method in ("GET", "HEAD") else _STRIDE
    for start in range(0, len(same), stride):
        group = same[start : start + stride]
        if read > entries.MOST_READ:
            answers.update((entry.index, _TOO_MUCH) for entry in group)
            continue
        done = await asyncio.gather(*(_answer(face, ask, entry) for entry in group))
        answers.update((entry.index, one) for entry, one in zip(group, done, strict=True))
        read += sum(entries.size(one) for one in done if not one.is_written)
    return answers


async def _answer(face: Face, ask: Ask, entry: Entry) -> Answer:
    try:
        return await entries.answer(face, ask, entry)
    except Exception as error:  # noqa: BLE001 - whatever it is, what others have stored is to be answered
        return entries.failed(entry, of_one_among_others(error))


def _refused(issues: Iterable[Issue]) -> Answer:
    return Answer(status=Category.INCORRECT.value.status, issues=tuple(issues))
