"""Hears sla.asked: what a step of a clock wants done to its ticket, done once under dispatch's own rules (D13)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.contracts.deskstream.v1 import sla_pb2
from services.dispatch import model
from services.dispatch.handlers import Desks, HeardMessage, Said, Tickets, change
from services.dispatch.policy.wishes import Wish, granted
from services.kernel.errors import Missing, Refused


class Asked:
    """Handler of the queue dispatch.asked. A message heard again says again what it brought about."""

    def __init__(self, desks: Desks, tickets: Tickets) -> None:
        self._desks = desks
        self._tickets = tickets

    def hear(self, batch: Sequence[HeardMessage], now: datetime) -> list[Said]:
        """Grants each wish that is still one; one about an unknown ticket or desk is refused alone."""
        told: list[Said] = []
        for message in batch:
            try:
                told.extend(self._grant(message, now))
            except (Refused, Missing) as why:
                message.refuse(why if isinstance(why, Refused) else Refused(why.message))
        return told

    def _grant(self, message: HeardMessage, now: datetime) -> Sequence[Said]:
        body = message.decode(sla_pb2.SlaAsked)
        if not body.number:
            raise Refused("A wish names the ticket it is about; give its number.", field="number")
        wish = Wish(body.action, body.target, body.clock, body.step, body.cycle, body.grade)

        def decide(ticket: model.Ticket) -> model.Event | None:
            return granted(self._desks.get(ticket.profile), ticket, wish, now)

        return change(self._tickets, body.number, decide, message.id, message.traceparent)[1]
