"""When and for whom an evaluation writes."""

from datetime import datetime, tzinfo
from typing import NamedTuple

from referral_service.core.deadline import review_due
from referral_service.fhir.write import Names


class Setting(NamedTuple):
    """The instant asked for, the instant of writing, the zone of people's working days, our identifiers."""

    as_of: datetime
    now: datetime
    zone: tzinfo
    names: Names

    def due(self, priority: str) -> datetime:
        """When a review that begins now is due."""
        return review_due(self.now, priority, self.zone)
