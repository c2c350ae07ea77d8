"""REST over playbooks: how far an emergency is, strategies, preventive entries, plans (H1-H3, H15)."""

from __future__ import annotations

from services.contracts.deskstream.v1 import playbook_pb2
from services.gateway.operation import Operation

PLAYBOOK_OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/tickets/{number}/playbook",
        "playbook",
        "GetPlaybook",
        playbook_pb2.GetPlaybookRequest,
        playbook_pb2.GetPlaybookResponse,
        "How far an emergency is: strategy, steps, what is missing, bulletins, support (H1, H14)",
    ),
    Operation(
        "GET",
        "/api/v1/emergency/situations",
        "playbook",
        "ListSituations",
        playbook_pb2.ListSituationsRequest,
        playbook_pb2.ListSituationsResponse,
        "Strategies of a desk by situation (H2)",
    ),
    Operation(
        "GET",
        "/api/v1/emergency/prevention",
        "playbook",
        "SearchPrevention",
        playbook_pb2.SearchPreventionRequest,
        playbook_pb2.SearchPreventionResponse,
        "Preventive entries by type and words, Chinese included (H3)",
    ),
    Operation(
        "GET",
        "/api/v1/emergency/plans",
        "playbook",
        "ListPlans",
        playbook_pb2.ListPlansRequest,
        playbook_pb2.ListPlansResponse,
        "Registered plans, or those whose review is overdue (H15)",
    ),
)
