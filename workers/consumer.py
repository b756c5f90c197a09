"""Celery's consumer, which lives on after a message that it cannot even refuse."""

from collections.abc import Callable
from typing import Any

import structlog
from celery.worker.consumer import Consumer as CeleryConsumer

_UNREADABLE = (TypeError, ValueError, LookupError, AttributeError)

_log = structlog.get_logger(__name__)


class Consumer(CeleryConsumer):  # type: ignore[misc] # Celery has no types
    """Throws away what would otherwise go back, and end each worker that reads it."""

    def create_task_handler(self, *arguments: Any, **named: Any) -> Callable[[Any], None]:
        """What is done with each message."""
        handle: Callable[[Any], None] = super().create_task_handler(*arguments, **named)

        def receive(message: Any) -> None:
            try:
                handle(message)
            except _UNREADABLE as error:
                _log.warning("a message that nobody can read is thrown away", exception=type(error).__name__)
                if not message.acknowledged:
                    message.reject()

        return receive
