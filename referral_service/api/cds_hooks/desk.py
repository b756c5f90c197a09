"""What answers a call: the chart it shows, the findings of the pathway, a card for each. Stores nothing."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar
from uuid import uuid5

from anyio import CapacityLimiter, to_thread
from msgspec.structs import replace
from starlette.requests import Request

from referral_service.api.cds_hooks import answers
from referral_service.api.cds_hooks.call import Call, understood
from referral_service.api.cds_hooks.chart import Chart, Charts
from referral_service.api.cds_hooks.gate import Caller, Gate
from referral_service.api.cds_hooks.offer import SERVICES, Service, discovery, parts
from referral_service.api.errors import HttpProblem
from referral_service.api.fhir.arrival import Arrival
from referral_service.api.worklist.words import DECLINE_REASONS
from referral_service.core.problem import Category, Problem
from referral_service.core.saying import is_red
from referral_service.core.timeline import AnyFact
from referral_service.fhir.parse import parse_object
from referral_service.fhir.read.drafts import Draft, read_draft
from referral_service.fhir.write.card import Finding, Frame, card
from referral_service.sources import CdsClient
from referral_service.store import feedback
from referral_service.store.engine import writing
from referral_service.store.tenancy import serving
from referral_service.store.worklist import Worklist
from referral_service.wiring import Service as Wired
from referral_service.workflow.advise import Advise, Asked
from referral_service.workflow.ports import PatientId, Referral

Json = dict[str, Any]
_T = TypeVar("_T")
# Others are served meanwhile: what waits for a client's server or keys never holds a thread of theirs.
_AT_ONCE: Final = 8
_SILENT: Final[Json] = {"cards": []}


class Desk:
    """What every route shares; one for each application."""

    def __init__(self, service: Wired, clients: Sequence[CdsClient]) -> None:
        """Raises SourcesError for clients that cannot be believed."""
        chart = parts(service.terminology, service.pathway)
        self.offer = discovery(chart)
        self._service = service
        self._gate = Gate(service, clients)
        self._charts = Charts(chart)
        self._advise = Advise(service.pathway, service.names, service.settings.timezone)
        self._frame = Frame(service.names, service.pathway.title, DECLINE_REASONS)
        self._threads = CapacityLimiter(_AT_ONCE)

    async def work(self, function: Callable[[], _T]) -> _T:
        """In a thread of ours."""
        return await to_thread.run_sync(function, limiter=self._threads)

    async def admit(self, request: Request, *paths: str) -> tuple[Arrival, Caller]:
        """The request as it came, and who sent it; `paths` are those that its token may be for."""
        came = Arrival(request, self._service.settings.public_url)
        base = f"{came.base.removesuffix('/fhir')}/cds-services"
        tokens = request.headers.getlist("authorization")
        return came, await self.work(partial(self._gate.admit, tokens, [f"{base}{path}" for path in paths]))

    def cards(self, service: Service, body: bytes, caller: Caller) -> Json:
        """The answer to a call; raises INCORRECT with every fault of it, 412 where the chart is too small."""
        call = understood(parse_object(body), service)
        drafts = self._drafts(call)
        if call.hook == "order-sign" and not drafts:
            return _SILENT
        chart = self._charts.read(call, _origins(call, caller))
        asked = Asked(
            hook=call.hook,
            patient=call.patient,
            as_of=self._service.clock.as_of(),
            facts=self._facts(chart),
            added=frozenset(f"Condition/{one['id']}" for one in call.recorded),
            drafts=drafts,
            known=self._known(call, caller),
            offers_orders=self._service.settings.destination == "cds-hooks",
        )
        findings = _tellable(self._advise.findings(asked), chart)
        return {"cards": [self._card(call, one, chart) for one in findings]}

    def keep(self, service: Service, body: bytes, caller: Caller) -> None:
        """Keeps feedback; raises INCORRECT with every fault of it."""
        given = answers.understood(parse_object(body), service)
        with serving(caller.tenant), writing(self._service.store.engine) as connection:
            feedback.keep(connection, caller.tenant, given, caller.name, self._service.clock.now())

    def _drafts(self, call: Call) -> tuple[Draft, ...]:
        """The orders that can come too early."""
        read = (read_draft(one, self._service.terminology) for one in call.ordered)
        return tuple(one for one in read if one and self._advise.concerns(one))

    def _facts(self, chart: Chart) -> tuple[AnyFact, ...]:
        return tuple(fact for one in chart.resources for fact in self._service.reader.facts(one))

    def _known(self, call: Call, caller: Caller) -> tuple[Referral, ...]:
        """What this service has proposed for the person whom the caller knows by this id."""
        patient = PatientId(caller.space.inner("Patient", call.patient))
        with serving(caller.tenant):
            waiting = Worklist(self._service.store.engine, caller.tenant).of_patient(patient)
        return tuple(one.referral for one in waiting)

    def _card(self, call: Call, finding: Finding, chart: Chart) -> Json:
        """The card; the same call again gives it the same uuid."""
        decision = finding.decision
        name = "|".join((call.hook, decision.region or "", decision.outcome, *finding.orders))
        whole = replace(finding, remarks=(*finding.remarks, *_gaps(chart)))
        return card(whole, uuid5(call.instance, name), self._frame)


def named(name: str) -> Service:
    """The service of that id; 404."""
    if name not in SERVICES:
        raise HttpProblem(404, "not-found", "There is no such service.")
    return SERVICES[name]


def _origins(call: Call, caller: Caller) -> tuple[str, ...] | None:
    """Where the client's server may lead to; None if it must not be called."""
    if not call.server or not caller.may_be_called(call.server):
        return None
    return caller.origins or ()


def _tellable(findings: list[Finding], chart: Chart) -> list[Finding]:
    """Of a chart that is not whole red flags alone are told; where there are none it is refused."""
    if not chart.invalid and not chart.missing:
        return findings
    if red := [one for one in findings if is_red(one.decision)]:
        return red
    if sent := [one for one in chart.invalid if one.expression.startswith("prefetch")]:
        raise Problem(Category.INCORRECT, *sent)
    refusal = HttpProblem(412, "incomplete", "")
    refusal.issues = (*chart.missing, *chart.invalid)
    raise refusal


def _gaps(chart: Chart) -> list[str]:
    """What was not looked at."""
    said = [f"Not looked at, because it was not sent: {', '.join(chart.unread)}."] if chart.unread else []
    return [*said, *(["Not looked at: what of the chart is not valid FHIR R4."] if chart.invalid else [])]
