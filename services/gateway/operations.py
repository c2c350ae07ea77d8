"""The REST operations: one row each, from which routes and OpenAPI are made."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message

from services.contracts.deskstream.v1 import (
    bulk_pb2,
    callbacks_pb2,
    catalogue_pb2,
    directory_pb2,
    dispatch_pb2,
    intake_pb2,
    notifications_pb2,
    reporting_pb2,
    sla_pb2,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """An HTTP operation and the gRPC method that does it."""

    verb: str
    path: str
    service: str
    method: str
    asked: type[Message]
    told: type[Message]
    summary: str


OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/catalogue",
        "catalogue",
        "GetCatalogue",
        catalogue_pb2.GetCatalogueRequest,
        catalogue_pb2.GetCatalogueResponse,
        "Types, catalogue entries and the grading of a desk (A18, B2, B5)",
    ),
    Operation(
        "GET",
        "/api/v1/form",
        "catalogue",
        "DescribeForm",
        catalogue_pb2.DescribeFormRequest,
        catalogue_pb2.DescribeFormResponse,
        "What is asked of a request with a type and an entry (A7, B19)",
    ),
    Operation(
        "POST",
        "/api/v1/grade-proposals",
        "catalogue",
        "ProposeGrade",
        catalogue_pb2.ProposeGradeRequest,
        catalogue_pb2.ProposeGradeResponse,
        "The grade that observed conditions propose (B5)",
    ),
    Operation(
        "POST",
        "/api/v1/tokens",
        "directory",
        "IssueToken",
        directory_pb2.IssueTokenRequest,
        directory_pb2.IssueTokenResponse,
        "Sign in and get a bearer token",
    ),
    Operation(
        "GET",
        "/api/v1/receipts/{channel}/{source_id}",
        "intake",
        "GetReceipt",
        intake_pb2.GetReceiptRequest,
        intake_pb2.GetReceiptResponse,
        "The number a source message was given",
    ),
    Operation(
        "GET",
        "/api/v1/tickets/{number}",
        "dispatch",
        "GetTicket",
        dispatch_pb2.GetTicketRequest,
        dispatch_pb2.GetTicketResponse,
        "A ticket as it stands, and what the caller may do with it",
    ),
    Operation(
        "GET",
        "/api/v1/tickets/{number}/history",
        "dispatch",
        "GetHistory",
        dispatch_pb2.GetHistoryRequest,
        dispatch_pb2.GetHistoryResponse,
        "Everything that happened to a ticket (B9)",
    ),
    Operation(
        "GET",
        "/api/v1/tickets/{number}/explanation",
        "dispatch",
        "Explain",
        dispatch_pb2.ExplainRequest,
        dispatch_pb2.ExplainResponse,
        "Why the ticket went where it went (C2)",
    ),
    Operation(
        "GET",
        "/api/v1/tickets/{number}/clocks",
        "sla",
        "GetClocks",
        sla_pb2.GetClocksRequest,
        sla_pb2.GetClocksResponse,
        "The clocks and escalations of a ticket (D9)",
    ),
    Operation(
        "GET",
        "/api/v1/tickets/{number}/deliveries",
        "notifications",
        "ListDeliveries",
        notifications_pb2.ListDeliveriesRequest,
        notifications_pb2.ListDeliveriesResponse,
        "The messages sent about a ticket (O9)",
    ),
    Operation(
        "POST",
        "/api/v1/tickets/{number}/actions/{action}",
        "dispatch",
        "Act",
        dispatch_pb2.ActRequest,
        dispatch_pb2.ActResponse,
        "One step of the lifecycle (C4 to C8)",
    ),
    Operation(
        "POST",
        "/api/v1/tickets/bulk",
        "bulk",
        "BulkAct",
        bulk_pb2.BulkActRequest,
        bulk_pb2.BulkActResponse,
        "The same action on up to 200 tickets, each judged on its own",
    ),
    Operation(
        "POST",
        "/api/v1/claims",
        "dispatch",
        "Claim",
        dispatch_pb2.ClaimRequest,
        dispatch_pb2.ClaimResponse,
        "Take the first ticket of a team's queue, or the named one",
    ),
    Operation(
        "GET",
        "/api/v1/queues/{queue}",
        "dispatch",
        "ListQueue",
        dispatch_pb2.ListQueueRequest,
        dispatch_pb2.ListQueueResponse,
        "A queue: team:<id>, person:<id>, role:<role> or all (C22)",
    ),
    Operation(
        "GET",
        "/api/v1/at-risk",
        "sla",
        "ListAtRisk",
        sla_pb2.ListAtRiskRequest,
        sla_pb2.ListAtRiskResponse,
        "Clocks that are breached or soon will be (D20)",
    ),
    Operation(
        "GET",
        "/api/v1/deadline",
        "sla",
        "PreviewDeadline",
        sla_pb2.PreviewDeadlineRequest,
        sla_pb2.PreviewDeadlineResponse,
        "When a clock started now or then would be due",
    ),
    Operation(
        "POST",
        "/api/v1/escalations/{escalation_id:path}/acknowledgement",
        "sla",
        "Acknowledge",
        sla_pb2.AcknowledgeRequest,
        sla_pb2.AcknowledgeResponse,
        "Take an escalation on oneself (D14)",
    ),
    Operation(
        "GET",
        "/api/v1/callbacks",
        "callbacks",
        "ListTasks",
        callbacks_pb2.ListTasksRequest,
        callbacks_pb2.ListTasksResponse,
        "Callbacks owed (F14)",
    ),
    Operation(
        "POST",
        "/api/v1/callbacks/{task_id:path}/attempts",
        "callbacks",
        "RecordAttempt",
        callbacks_pb2.RecordAttemptRequest,
        callbacks_pb2.RecordAttemptResponse,
        "Record an attempt (F16)",
    ),
    Operation(
        "POST",
        "/api/v1/callbacks/{task_id:path}/answers",
        "callbacks",
        "Complete",
        callbacks_pb2.CompleteRequest,
        callbacks_pb2.CompleteResponse,
        "Complete a callback with its answers (F12)",
    ),
    Operation(
        "GET",
        "/api/v1/callbacks/{task_id:path}",
        "callbacks",
        "GetTask",
        callbacks_pb2.GetTaskRequest,
        callbacks_pb2.GetTaskResponse,
        "One callback and its questions",
    ),
    Operation(
        "GET",
        "/api/v1/reports/{profile}/{period}",
        "reporting",
        "GetReport",
        reporting_pb2.GetReportRequest,
        reporting_pb2.GetReportResponse,
        "KPI report of 2026-11, 2026-Q4, 2026-H2, 2026 or first..last (N1 to N8)",
    ),
    Operation(
        "GET",
        "/api/v1/reports/{profile}/{period}/{kpi}/records",
        "reporting",
        "ListRecords",
        reporting_pb2.ListRecordsRequest,
        reporting_pb2.ListRecordsResponse,
        "The records behind a figure (N20)",
    ),
    Operation(
        "GET",
        "/api/v1/duty/{profile}",
        "directory",
        "WhoIsOnDuty",
        directory_pb2.WhoIsOnDutyRequest,
        directory_pb2.WhoIsOnDutyResponse,
        "Who is on duty now or at an instant",
    ),
    Operation(
        "GET",
        "/api/v1/profiles/{name}",
        "directory",
        "GetProfile",
        directory_pb2.GetProfileRequest,
        directory_pb2.GetProfileResponse,
        "A policy profile",
    ),
)
