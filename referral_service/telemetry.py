"""Logs and metrics. Neither ever holds patient data: no ids, no values, no texts of exceptions.

Logs go to stderr, as JSON lines unless that is a terminal. An exception is logged by its type and the places
it passed, because its text may quote a value, whoever caught it or nobody. Metrics are Prometheus's; those of
the store are read from it.
"""

import logging
import sys
import threading
from pathlib import Path
from traceback import extract_tb

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from structlog.typing import EventDict, Processor, WrappedLogger

from referral_service.measures import Counts, Stored

RESOURCES_STORED = Counter("resources_stored_total", "Resource versions stored by this process.", ["type"])
COMMIT_SECONDS = Histogram(
    "commit_seconds",
    "Time from the start of a group commit to its end on the disk.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
_log = structlog.get_logger(__name__)


def exposition(counts: Counts | None) -> bytes:
    """The page for Prometheus: this process's metrics, and the store's unless it cannot be read."""
    if counts is None:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    registry.register(Stored(counts))
    return generate_latest(REGISTRY) + generate_latest(registry)


def set_up_logs(level: str) -> None:
    """Sends structlog's and every library's lines to stderr in one form; `level` is LOG_LEVEL."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_exception,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,  # a line that nobody wants is not put together
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    last: Processor = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        last = structlog.dev.ConsoleRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # else a line that cannot be written is printed with its values
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # what these say of each request or statement may quote a value; Celery's two speak of each wake-up
    quiet = ("uvicorn.access", "httpx", "httpcore", "sqlalchemy", "alembic")
    for name in (*quiet, "celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # a warning of its says what failed second, in the database's own words
    logging.getLogger("psycopg").setLevel(max(logging.ERROR, root.level))
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda thrown: _log_uncaught(thrown.exc_type, thrown.exc_value, None)
    sys.unraisablehook = lambda thrown: _log_uncaught(thrown.exc_type, thrown.exc_value, None)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, _: object) -> None:
    """What nobody caught; the interpreter itself would print its text."""
    if not issubclass(kind, KeyboardInterrupt | SystemExit):
        _log.critical("nobody caught an exception", exc_info=error)


def _name_exception(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """An exception's type and the places it passed; never its text."""
    info = event.pop("exc_info", None)
    record = event.get("_record")
    if record is not None:
        event["event"] = str(event["event"]).partition("\n")[0]  # asyncio's next lines show what a task held
        if record.exc_info:
            event["event"] = str(record.msg).partition("\n")[0]  # Celery fills in the exception's text
            info, record.exc_info, record.exc_text = record.exc_info, None, None
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = type(error).__name__
        steps = extract_tb(error.__traceback__)[-8:]
        event["passed"] = [f"{Path(at.filename).stem}.{at.name}:{at.lineno}" for at in steps]
    return event
