"""Judgement of dispatch: `(rules, ticket, wish, now) -> event or Refused`. Pure; time and duty are arguments."""

from services.dispatch.policy.actions import check_bounds, joined, possible
from services.dispatch.policy.attending import callback_heard, open_ticket, step
from services.dispatch.policy.desk import Desk, Roster
from services.dispatch.policy.explaining import explain
from services.dispatch.policy.routing import decide

__all__ = [
    "Desk",
    "Roster",
    "callback_heard",
    "check_bounds",
    "decide",
    "explain",
    "joined",
    "open_ticket",
    "possible",
    "step",
]
