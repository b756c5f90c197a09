"""The service's own commands: `up` for this machine, and `api`, `worker` and `migrate` for containers."""

import os
import signal
import sys
from contextlib import closing
from types import FrameType

import structlog

from referral_service.cli.start import check_migrated, check_port, open_store, starting
from referral_service.cli.supervisor import Supervisor, worker_command
from referral_service.settings import Settings, load
from referral_service.store.store import SqlStore
from referral_service.store.tenancy import is_exempt
from referral_service.telemetry import set_up_logs
from referral_service.tracing import tracing

_GRACE_SECONDS = 10

_log = structlog.get_logger(__name__)


def up() -> None:
    """Run the API, the workers and the broker on this machine until Ctrl-C or SIGTERM."""
    settings = load()
    set_up_logs(settings.log_level)
    Supervisor(settings).run()


def api() -> None:
    """Serve the API until SIGTERM: one process, for a container."""
    # the web's modules take a second to load, and no other command needs them
    import uvicorn

    from referral_service.api.app import create_app
    from referral_service.api.deadlines import Protocol
    from referral_service.wiring import build_service

    settings = load()
    set_up_logs(settings.log_level)
    check_port(settings)
    check_migrated(settings)
    _warn(settings)
    with starting():
        service = build_service(settings)
        if is_exempt(service.store.engine):
            _log.warning("the database's user passes by row-level security: give the service one of its own")
        _keep_codes(service.store, service.terminology.digest)
        app = create_app(service)
    # uvicorn answers what it has begun, then raises the signal again: this ends the process in order
    signal.signal(signal.SIGTERM, _leave)
    with tracing(settings.traces, "api"), closing(service):
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            http=Protocol,
            log_config=None,
            access_log=False,  # addresses name patients
            server_header=False,
            date_header=False,  # api/observe.py says it exactly
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )


def worker() -> None:
    """Evaluate patients until SIGTERM: one Celery worker process, for a container."""
    settings = load()
    check_migrated(settings)
    command = worker_command()
    os.execv(command[0], command)  # noqa: S606 - this very interpreter; signals then reach Celery itself


def migrate() -> None:
    """Bring the database to this version's schema."""
    with open_store(load()) as store:
        if store.is_migrated():
            print("The database has this version's schema already.")
            return
        store.migrate()
    print("The database has this version's schema now.")


def _keep_codes(store: SqlStore, codes: str) -> None:
    store.reads_by(codes)
    if store.is_read_otherwise(codes):
        _log.warning("what is stored was read by other codes: run `referral-service reread`")


def _warn(settings: Settings) -> None:
    if settings.allow_insecure and settings.auth == "smart":
        _log.warning("WHOEVER LISTENS ON THE WAY HAS EVERY TOKEN, unless all of it has TLS: ALLOW_INSECURE=1")
    elif settings.allow_insecure:
        _log.warning("ANYBODY WHO REACHES THIS HOST READS AND CHANGES EVERYTHING: AUTH=off, ALLOW_INSECURE=1")
    if settings.clock_shift:
        _log.warning("questions are asked for another time", clock_shift=str(settings.clock_shift))


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
