"""The decisions and referrals that the tests of what follows speak of."""

from msgspec.structs import replace

from tests.core.memory import remembered, said

FAILED = said("lumbar", "exhausted", "function-flat", target="intradiscal")
FAILED_TWICE = said("lumbar", "exhausted", "function-flat", "rebound", target="intradiscal")
SURGICAL = said("lumbar", "exhausted", "function-flat", target="surgical")
NECK_FAILED = said("cervical", "exhausted", "function-flat", target="surgical")
GOES_ON = said("lumbar", "in-trial", "duration")
UNCLEAR = said("lumbar", "review", "route-unclear")
AGED = said("lumbar", "review", "imaging-outdated")
EVERY_AGE = ("outcome-outdated", "imaging-outdated", "trial-outdated")
AGED_AND_MORE = said("lumbar", "review", "trial-outdated", "dates-unclear")
POSSIBLE = said("lumbar", "review", "possible-red-flag", priority="urgent")
URGENT = said("lumbar", "urgent", "red-flag-soft", target="surgical", priority="urgent")
STAT = said("lumbar", "urgent", "red-flag-hard", target="surgical", priority="stat")
NECK_STAT = said(
    "cervical", "urgent", "red-flag-hard", target="surgical", priority="stat", flag_regions=("cervical",)
)
BACK_STAT = said(
    "lumbar", "urgent", "red-flag-hard", target="surgical", priority="stat", flag_regions=("cervical",)
)
OVER = said("lumbar", "no-qualifying-condition", "resolved")
NOBODY = said(None, "no-qualifying-condition", "none")
LONE_STAT = said(None, "urgent", "red-flag-hard", target="surgical", priority="stat")
DEAD = said("lumbar", "on-hold", "deceased")

DRAFT = remembered("r1")
WAITING = remembered("r1", status="on-hold", task_status="on-hold")
APPROVED = remembered("r1", status="completed", task_status="completed", order="o1")
DECLINED = remembered("r1", status="revoked", task_status="completed")
WITHDRAWN = remembered("r1", status="revoked", task_status="cancelled")
REVIEW = remembered("t1", target=None, decision="review||route-unclear")
LOOKED_AT = replace(REVIEW, status="completed", task_status="completed")
OF_A_FLAG = {"target": "surgical", "urgency": "urgent"}
RED = remembered("u1", decision="urgent|surgical|red-flag-soft", priority="urgent", **OF_A_FLAG)
RED_STAT = remembered("u1", decision="urgent|surgical|red-flag-hard", priority="stat", **OF_A_FLAG)
RED_APPROVED = replace(RED_STAT, status="completed", task_status="completed", order="o1")
RED_DECLINED = replace(RED_STAT, status="revoked", task_status="completed")
LONE_RED = remembered(
    "u1",
    decision="urgent|surgical|red-flag-hard",
    priority="stat",
    **{**OF_A_FLAG, "episode": "none", "region": None},
)
