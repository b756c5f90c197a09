"""Traces: OpenTelemetry spans from the request that brings data to the decision that follows it.

A span holds what was asked, how it ended, and numbers: never an id, a value, an address or an exception's
text. Of what a sender says of its own trace only `traceparent` is read; its other headers may hold anything.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, StatusCode, Tracer, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bind_contextvars

from referral_service.workflow.ports import Chart, Claim, Onlooker, Result

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_TRACEPARENT = b"traceparent"
_TO_FILE = "file:"
_PATH = "/v1/traces"  # where a collector takes spans, as OTLP says
_FAULTS = 500
_SEND_SECONDS = 2.0  # a dead collector holds up a stop, and nothing else
_W3C = TraceContextTextMapPropagator()
_log = structlog.get_logger(__name__)

_tracer: Tracer | None = None  # None: traces are off


@contextmanager
def tracing(to: str, process: str) -> Iterator[None]:
    """While it lasts, spans go to `to`, which is REFERRAL_TRACES ("": off); all are sent before it ends.

    `process` is this one's name in the traces: api or worker.
    """
    global _tracer
    if not to:
        yield
        return
    # slow to load, and most have traces off
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    with ExitStack() as held:
        exporter = _exporter(to, held)
        resource = Resource.create({"service.name": f"referral-service-{process}"})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        _tracer = provider.get_tracer("referral_service")
        try:
            yield
        finally:
            _tracer = None
            provider.shutdown()


def _exporter(to: str, held: ExitStack) -> "SpanExporter":
    if to.startswith(_TO_FILE):
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        # Several processes write to it: each line is appended whole.
        file = Path(to.removeprefix(_TO_FILE))
        lines = held.enter_context(file.open("a", buffering=1, encoding="utf-8"))
        return ConsoleSpanExporter(out=lines, formatter=lambda span: f"{span.to_json(indent=None)}\n")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=f"{to}{_PATH}", timeout=_SEND_SECONDS)


def current_trace() -> str | None:
    """The W3C traceparent of what is being done; None where nothing is traced."""
    if _tracer is None:
        return None
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def request_span(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[Span]:
    """Around one request, in the sender's trace if it names one; whoever is inside says how it ended."""
    if _tracer is None:
        yield INVALID_SPAN
        return
    sent = [value.decode("latin-1") for name, value in headers if name == _TRACEPARENT]
    with _span(_tracer, "request", sent[0] if len(sent) == 1 else "", SpanKind.SERVER) as span:
        # Each request is a task with a context of its own.
        bind_contextvars(trace_id=format_trace_id(span.get_span_context().trace_id))
        yield span


def say_request(span: Span, what: str, method: str, status: int) -> None:
    """Names a request's span by what it asked for: an interaction or a route's template."""
    span.update_name(what)
    span.set_attributes(
        {"http.request.method": method, "http.response.status_code": status, "interaction": what}
    )
    if status >= _FAULTS:
        span.set_status(StatusCode.ERROR)


class Traced(Onlooker):
    """Each evaluation is a span of the trace in which its patient's data came; each failure is logged."""

    def around(self, chart: Chart, evaluate: Callable[[Chart], Result]) -> Result:
        """What evaluating comes to."""
        if _tracer is None or chart.claim.trace is None:
            return evaluate(chart)
        with _span(_tracer, "assess", chart.claim.trace, SpanKind.CONSUMER) as span:
            span.set_attribute("facts", len(chart.facts))
            result = evaluate(chart)
            span.set_attribute("outcomes", _outcomes(result))
            span.set_attribute("pathway", result.pathway)
            return result

    def failed(self, claim: Claim, error: Exception) -> None:
        """The one line from which an operator knows where it came about."""
        traced = {"trace_id": claim.trace.split("-")[1]} if claim.trace else {}
        _log.warning("an evaluation failed", exc_info=error, **traced)


def _outcomes(result: Result) -> list[str]:
    """Those that are news, each once; an episode that another took over has none any more."""
    gone = {write.id for write in result.writes if write.is_deleted}
    return sorted({one.decision.outcome for one in result.episodes if one.guidance not in gone})


@contextmanager
def _span(tracer: Tracer, name: str, parent: str, kind: SpanKind) -> Iterator[Span]:
    """A span whose error is the exception's type; the SDK's own way would keep its text."""
    context = _W3C.extract({"traceparent": parent}, Context())
    with tracer.start_as_current_span(
        name, context, kind, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
