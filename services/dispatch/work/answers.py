"""An engineer's tool answers its team's queue by message: accept or decline, as the person whose token it carries (U3).

Headers prove nothing, so the token stands in the body; it is checked before anything else is looked at. Without a good
one nobody is told anything: the message is parked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from services.contracts.deskstream.v1 import queues_pb2
from services.dispatch import model
from services.dispatch.handlers import Desks, HeardMessage, Said, Tickets, change
from services.dispatch.policy import step
from services.dispatch.queries import READERS, shown
from services.kernel.errors import Missing, Refused
from services.runtime.message import event_id

ACCEPT, DECLINE = "work.accept", "work.decline"
DONE, REFUSED = "answer.done", "answer.refused"
MOST_TEAMS = 5
LONGEST_REASON = 500
LONGEST_ID = 100
_DECLINES = ("reject", "hand_back")
"""Steps that give a ticket back, the first that the lifecycle has from where it stands."""


class Answers:
    """Hears work.accept and work.decline. `verify`: token to caller, Refused("unauthenticated") when it is none."""

    def __init__(self, desks: Desks, tickets: Tickets, verify: Callable[[str], model.Caller]) -> None:
        self._desks = desks
        self._tickets = tickets
        self._verify = verify

    def hear(self, batch: Sequence[HeardMessage], now: datetime) -> list[Said]:
        """What each answer brought about, and the answer to it."""
        told: list[Said] = []
        for message in batch:
            try:
                told.extend(self._answer(message, now))
            except Refused as why:
                message.refuse(why)
        return told

    def _answer(self, message: HeardMessage, now: datetime) -> list[Said]:
        answer = message.decode(queues_pb2.WorkAnswer)
        caller = self._verify(answer.token)
        if message.key not in (ACCEPT, DECLINE):
            raise Refused(f"Say {ACCEPT} or {DECLINE}, not {message.key}.", field="key")
        told = queues_pb2.WorkAnswered(
            number=answer.number[:40],
            answer_id=answer.answer_id[:LONGEST_ID],
            person=caller.id,
            answer=message.key.removeprefix("work."),
        )
        said: Sequence[Said] = ()
        try:
            if not caller.role_among(READERS):
                # Before the ticket is looked at: also a refusal would tell of it.
                raise Missing(f"There is no ticket {answer.number[:40]} that you may see; check the number.")
            _check(answer)
            cause = self._cause(message, answer, caller)
            ticket, said = change(
                self._tickets,
                answer.number,
                lambda ticket: self._decide(ticket, message.key, answer, caller, now),
                cause,
                message.traceparent,
                expected_version=answer.expected_version,
                # The message alone would not bring it back after a crash: its token may have expired by then.
                owed_since=now,
            )
            told.done = True
            told.ticket.CopyFrom(shown(ticket, caller, self._desks))
        except Refused as why:
            told.reason, told.code = why.message, why.code
        except Missing as why:
            told.reason, told.code = why.message, "missing"
        return [*said, self._told(message, told, caller, now)]

    def _cause(self, message: HeardMessage, answer: queues_pb2.WorkAnswer, caller: model.Caller) -> str:
        """A tool's own id is only its person's: nobody else's answer is taken for said already."""
        if answer.answer_id:
            return str(uuid5(NAMESPACE_URL, f"answer:{message.key}:{caller.id}:{answer.number}:{answer.answer_id}"))
        return f"answer:{caller.id}:{message.id}"

    def _decide(
        self, ticket: model.Ticket, key: str, answer: queues_pb2.WorkAnswer, caller: model.Caller, now: datetime
    ) -> model.Event | None:
        desk = self._desks.get(ticket.profile)
        if key == ACCEPT:
            return step(desk, ticket, model.Command("claim"), caller, now)
        if ticket.assignee != caller.id:
            holder = f"{ticket.assignee} holds it" if ticket.assignee else "nobody holds it"
            raise Refused(
                f"Ticket {ticket.number} is not yours to decline: {holder}; leave it where it is.", code="conflict"
            )
        refusal: Refused | None = None
        for action in _DECLINES:
            try:
                return step(desk, ticket, model.Command(action, answer.reason), caller, now)
            except Refused as why:
                # A step that needs more, such as the reason, says more than one that does not exist from here.
                refusal = why if refusal is None or refusal.code in ("conflict", "forbidden") else refusal
        assert refusal is not None  # noqa: S101 - there are steps to try
        raise refusal

    def _told(self, message: HeardMessage, told: queues_pb2.WorkAnswered, caller: model.Caller, now: datetime) -> Said:
        own = (desk.people[caller.id].teams for desk in self._desks.all() if caller.id in desk.people)
        teams = sorted(caller.teams.union(*own))[:MOST_TEAMS]
        key = DONE if told.done else REFUSED
        return Said(
            key=key,
            body=told,
            id=event_id(message.id, key, told.number),
            subject=told.number,
            time=now,
            cause=message.id,
            actor=caller.id,
            also=tuple(f"work.{team}" for team in teams),
            traceparent=message.traceparent,
        )


def _check(answer: queues_pb2.WorkAnswer) -> None:
    if not answer.number or len(answer.number) > 40:
        raise Refused("Name the ticket by its number.", field="number")
    if len(answer.reason) > LONGEST_REASON:
        raise Refused(f"A reason has at most {LONGEST_REASON} characters; shorten it.", field="reason")
    if len(answer.answer_id) > LONGEST_ID:
        raise Refused(f"An answer_id has at most {LONGEST_ID} characters; shorten it.", field="answer_id")
    if answer.expected_version < 0:
        raise Refused("expected_version is a version of the ticket, or 0.", field="expected_version")
