"""`simulate`: what another policy would decide about the stored population; nothing is changed."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.progress import Progress

from referral_service import pathways
from referral_service.cli.console import print_json, print_table
from referral_service.cli.operate import Of
from referral_service.cli.start import check_migrated, open_store, starting
from referral_service.clock import local_day
from referral_service.core.decide import decide
from referral_service.core.decision import Decision
from referral_service.core.pathway import Pathway
from referral_service.core.timeline import AnyFact, Timeline
from referral_service.settings import load
from referral_service.store.population import people
from referral_service.wiring import build_clock, build_pathway, build_terminology
from referral_service.workflow.ports import DEFAULT_TENANT, PatientId, Tenant

_SHOWN = 200


class Answer(NamedTuple):
    """What a policy says of one region of a patient, as far as two policies are compared."""

    outcome: str
    target: str | None
    reasons: tuple[str, ...]


class Change(NamedTuple):
    """One region of one person about which the policies differ; None: one of them sees no episode there.

    Of several patients who are that person `patient` is the one who leads.
    """

    patient: str
    region: str | None
    now: Answer | None
    then: Answer | None


def simulate(
    pathway: Annotated[
        Path, typer.Option(help="The other policy, a YAML file.", exists=True, dir_okay=False)
    ],
    as_of: Annotated[str | None, typer.Option(help="The day asked for (default: today).")] = None,
    tenant: Of = DEFAULT_TENANT,
    as_json: Annotated[bool, typer.Option("--json", help="Every change, one object each.")] = False,
) -> None:
    """Decide about everybody who is stored with another policy, and show what differs."""
    settings = load()
    with starting():
        terminology = build_terminology(settings)
        policies = (
            build_pathway(settings, terminology),
            pathways.load_for(pathway, terminology.concepts()),
        )
    day = _day(as_of, local_day(build_clock(settings).as_of(), settings.timezone))
    check_migrated(settings)
    with open_store(settings) as store:
        found = people(store.engine, Tenant(tenant))
        changes, number = _compare(found, policies, day)
    if as_json:
        print_json([_plain(one) for one in changes])
        return
    _print(changes, number, policies)


def _day(text: str | None, today: date) -> date:
    if text is None:
        return today
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("not a date like 2026-06-01", param_hint="--as-of") from error


def _compare(
    found: Iterable[tuple[PatientId, tuple[AnyFact, ...]]], policies: tuple[Pathway, Pathway], day: date
) -> tuple[list[Change], int]:
    """Every change, and how many people were asked about; one batch of them in memory at a time."""
    console = Console(stderr=True)
    changes: list[Change] = []
    number = 0
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Deciding twice", total=None)
        for patient, facts in found:
            number += 1
            changes += _differences(patient, facts, policies, day)
            progress.advance(bar)
    return changes, number


def _differences(
    patient: str, facts: tuple[AnyFact, ...], policies: tuple[Pathway, Pathway], day: date
) -> list[Change]:
    timeline = Timeline.of(facts)
    now, then = ({d.region: _answer(d) for d in decide(timeline, policy, day)} for policy in policies)
    return [
        Change(patient, region, now.get(region), then.get(region))
        for region in sorted(now.keys() | then.keys(), key=lambda name: name or "")
        if now.get(region) != then.get(region)
    ]


def _answer(decision: Decision) -> Answer:
    return Answer(decision.outcome, decision.target, tuple(sorted(decision.reasons)))


def _said(answer: Answer | None) -> str:
    if answer is None:
        return "no episode"
    return f"{answer.outcome}{f', {answer.target}' if answer.target else ''} ({', '.join(answer.reasons)})"


def _print(changes: list[Change], number: int, policies: tuple[Pathway, Pathway]) -> None:
    now, then = (f"{policy.id} {policy.version}" for policy in policies)
    turned = Counter(
        (one.now.outcome if one.now else "no episode", one.then.outcome if one.then else "no episode")
        for one in changes
    )
    print(f"{number} patients; {len(changes)} regions would be decided otherwise by {then} than by {now}.")
    if changes:
        print_table(["now", "then", "regions"], [[*pair, count] for pair, count in turned.most_common()])
        shown = [
            [one.patient, one.region or "–", _said(one.now), _said(one.then)] for one in changes[:_SHOWN]
        ]
        print_table(["patient", "region", "now", "then"], shown)
    if len(changes) > _SHOWN:
        print(f"{len(changes) - _SHOWN} more; --json shows all.")


def _plain(one: Change) -> dict[str, object]:
    now, then = (answer._asdict() if answer else None for answer in (one.now, one.then))
    return {"patient": one.patient, "region": one.region, "now": now, "then": then}
