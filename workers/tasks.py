"""The one task: somebody is due."""

from referral_service.doorbell import TASK
from workers.app import app, sweep


def evaluate() -> None:
    """Evaluates whoever is due until nobody is; that nobody is any more is fine too."""
    sweep.run()


app.task(name=TASK)(evaluate)
