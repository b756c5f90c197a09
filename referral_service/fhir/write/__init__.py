"""What we emit, as FHIR R4 JSON: GuidanceResponse, ServiceRequest, Task, Provenance, DetectedIssue."""

from referral_service.fhir.write.answered import Remark, answered_task, fulfillment_task, given_up, order
from referral_service.fhir.write.detected_issue import Detected, detected_issue
from referral_service.fhir.write.guidance_response import guidance_response
from referral_service.fhir.write.names import Names
from referral_service.fhir.write.provenance import answer_provenance, provenance
from referral_service.fhir.write.service_request import service_request
from referral_service.fhir.write.task import order_review, reasons, task

__all__ = [
    "Detected",
    "Names",
    "Remark",
    "answer_provenance",
    "answered_task",
    "detected_issue",
    "fulfillment_task",
    "given_up",
    "guidance_response",
    "order",
    "order_review",
    "provenance",
    "reasons",
    "service_request",
    "task",
]
