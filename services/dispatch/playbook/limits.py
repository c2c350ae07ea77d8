"""Which limit and calendar a ticket's clock has by the profile: rows for customers, entries and sites count. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.dispatch.model import Ticket
from services.dispatch.policy import Desk
from services.kernel.calendar import BusinessCalendar
from services.profile.calendars import calendars_of
from services.profile.clocks import ClockCondition, ClockRule
from services.profile.conditions import Condition
from services.profile.facet import Span

_TEXTS = ("grade", "type", "entry", "channel", "project", "path", "neutral_type", "flow")


@dataclass(frozen=True, slots=True)
class Limits:
    """The clock rules of a desk by name, and its calendars."""

    desk: Desk
    clocks: Mapping[str, ClockRule]
    calendars: Mapping[str, BusinessCalendar]

    def limit_of(self, rule: ClockRule, ticket: Ticket) -> Span | None:
        """The length for the ticket at its grade; None when it has no such clock."""
        if not self._holds(rule.when, ticket):
            return None
        for row in rule.limits:
            found = row.limit.get(ticket.grade) or row.limit.get("default")
            if found is not None and self._holds(row.when, ticket):
                return found
        return rule.limit.get(ticket.grade) or rule.limit.get("default")

    def calendar_of(self, rule: ClockRule, ticket: Ticket) -> BusinessCalendar:
        """The calendar it counts on: of a customer, of a site (D10)."""
        for choice in self.desk.profile.sla.calendars:
            if choice.instead_of == rule.calendar and self._holds(choice.when, ticket):
                return self.calendars[choice.use]
        return self.calendars[rule.calendar]

    def _holds(self, when: Condition, ticket: Ticket) -> bool:
        when = self.desk.profile.catalogue.widened(when)
        if any((wanted := getattr(when, name, ())) and getattr(ticket, name) not in wanted for name in _TEXTS):
            return False
        if when.unit and ticket.requester.unit not in when.unit:
            return False
        if when.major is not None and (ticket.fields.get("major") == "true") != when.major:
            return False
        if when.in_hours is not None:
            received = ticket.milestones.get("received")
            if received is None or self.desk.roster.in_hours(received) != when.in_hours:
                return False
        if not isinstance(when, ClockCondition):
            return True
        if when.customer and ticket.requester.id not in when.customer:
            return False
        if when.backfilled is not None and ticket.backfilled != when.backfilled:
            return False
        return all(ticket.fields.get(name, "") in wanted for name, wanted in when.fields.items())


def limits_of(desk: Desk) -> Limits:
    """Prepared once per desk."""
    return Limits(desk, {rule.name: rule for rule in desk.profile.sla.clocks}, calendars_of(desk.profile))
