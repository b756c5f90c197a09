"""The Celery application that `celery --app workers.app worker` runs; one reason a setting."""

from contextlib import ExitStack
from warnings import filterwarnings

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.signals import setup_logging, worker_init, worker_shutdown, worker_shutting_down

from referral_service.core.problem import Problem
from referral_service.doorbell import QUEUE, transport_options
from referral_service.fhir.concepts import TerminologyError
from referral_service.notify import UnknownDestination
from referral_service.pathways import PathwayError
from referral_service.settings import load
from referral_service.sources import SourcesError
from referral_service.telemetry import set_up_logs
from referral_service.tracing import tracing
from workers.sweep import Sweep

# it warns of messages that can run anything; ours can run one task
filterwarnings("ignore", category=SecurityWarning)

settings = load()
app = Celery("referral_service", broker=settings.broker, include=["workers.tasks"])
app.conf.update(
    result_backend=None,  # a wake-up has no result
    task_ignore_result=True,  # so nobody looks for one
    task_default_queue=QUEUE,  # the only queue, the one that the doorbell rings
    task_acks_late=True,  # a wake-up is done when its patients are, not when it is read
    task_reject_on_worker_lost=True,  # if the process dies first, another gets it
    worker_prefetch_multiplier=1,  # a second wake-up must not wait behind a first one's batch
    task_serializer="json",  # nothing else is read, so that a message can run nothing
    accept_content=["json"],  # the same, on arrival
    enable_utc=True,  # one time everywhere
    worker_hijack_root_logger=False,  # lines are formed in referral_service/telemetry.py
    worker_redirect_stdouts=False,  # the same
    worker_send_task_events=False,  # nobody listens
    worker_consumer="workers.consumer:Consumer",  # else a broken body ends each worker that reads it
    worker_enable_remote_control=False,  # nobody may tell it anything but that somebody is due
    worker_cancel_long_running_tasks_on_connection_loss=False,  # the claim holds, whatever the broker does
    broker_connection_timeout=2,  # seconds: a dead broker is tried again soon, and the sweep goes on
    broker_connection_retry=True,  # for as long as it takes
    broker_connection_retry_on_startup=True,  # also when the worker comes first
    broker_connection_max_retries=None,  # for ever
    broker_transport_options={
        "visibility_timeout": 10,  # seconds until a dead worker's wake-up is given to another
        "unacked_restore_interval": 1,  # seconds between looks for those
        "unacked_restore_throttle": 1,  # each look counts
        **transport_options(settings),
    },
)
sweep = Sweep(settings)
opened = ExitStack()


def _lines(**_: object) -> None:
    set_up_logs(settings.log_level)
    # it asks for a decision that is made above
    filterwarnings("ignore", category=CPendingDeprecationWarning)


def _start(**_: object) -> None:
    # before the broker is reached: patients are evaluated also while it is dead
    try:
        opened.enter_context(tracing(settings.traces, "worker"))
        sweep.start()
    except (PathwayError, TerminologyError, UnknownDestination, SourcesError, Problem, OSError) as error:
        # Celery would log any other exception here, and go on
        raise SystemExit(f"referral-service: {error}") from error


def _finish(**_: object) -> None:
    sweep.finish()


def _stop(**_: object) -> None:
    sweep.stop()
    opened.close()


setup_logging.connect(_lines, weak=False)
worker_init.connect(_start, weak=False)
worker_shutting_down.connect(_finish, weak=False)
worker_shutdown.connect(_stop, weak=False)
