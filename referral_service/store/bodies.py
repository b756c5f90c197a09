"""Facts, episodes and referrals as JSON in a column, and back."""

import msgspec

from referral_service.core.brief import Brief
from referral_service.core.timeline import AnyFact
from referral_service.workflow.ports import Episode, Referral

encode = msgspec.json.encode
fact = msgspec.json.Decoder(AnyFact).decode
referral = msgspec.json.Decoder(Referral).decode
brief = msgspec.json.Decoder(Brief).decode
episode = msgspec.json.Decoder(Episode).decode
