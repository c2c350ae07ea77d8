"""One action on many tickets: each judged and changed on its own, all of it said together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.dispatch import model
from services.dispatch.commands import Call, judged, keyed
from services.dispatch.handlers import Desks, Said, Tickets, change
from services.dispatch.model import replace
from services.dispatch.policy import check_bounds
from services.kernel.errors import Missing, Refused, Unavailable

MOST = 200
LONGEST_KEY = 200
_LONGEST_NUMBER = 60
_TOGETHER = 50
"""Tickets whose events are said in one window."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one ticket; `why` is one sentence with the remedy when it was not done."""

    number: str
    result: Literal["done", "refused", "left"]
    why: str = ""
    field: str = ""
    version: int = 0
    state: str = ""


_LATE = "There was no time left for it; send the same call with the same key again."


class Bulk:
    """Bulk actions over the same tickets as Commands. `say` publishes with confirms and may raise Unavailable."""

    def __init__(self, desks: Desks, tickets: Tickets, say: Callable[[Sequence[Said]], None]) -> None:
        self._desks = desks
        self._tickets = tickets
        self._say = say

    def act(
        self, numbers: Sequence[str], command: model.Command, call: Call, key: str, in_time: Callable[[], bool]
    ) -> list[Outcome]:
        """In the order given. The same key and number act once, whether here or in Act. Refused as a whole: bad bounds.

        `in_time`: whether there is time for one more; what is left then is told as such.
        """
        check_bounds(command)
        wanted = tuple(dict.fromkeys(number.strip() for number in numbers))
        if not 1 <= len(wanted) <= MOST or len(numbers) > 2 * MOST:
            raise Refused(f"Name 1 to {MOST} tickets at once, not {len(wanted)}; send several calls.", field="numbers")
        if any(len(number) > _LONGEST_NUMBER for number in wanted):
            raise Refused("A number of a ticket is not so long; name tickets by their numbers.", field="numbers")
        if not 1 <= len(key) <= LONGEST_KEY:
            raise Refused(
                f"Give an idempotency_key of 1 to {LONGEST_KEY} characters, so that the call can be repeated.",
                field="idempotency_key",
            )
        outcomes: list[Outcome] = []
        owed: dict[str, Sequence[Said]] = {}
        for number in wanted:
            if not in_time():
                outcomes.append(Outcome(number, "left", _LATE))
                continue
            outcomes.append(self._one(number, command, replace(call, cause=keyed(call.caller, number, key)), owed))
            if len(owed) >= _TOGETHER:
                self._tell(owed)
        self._tell(owed)
        return outcomes

    def _one(self, number: str, command: model.Command, call: Call, owed: dict[str, Sequence[Said]]) -> Outcome:
        decide = judged(self._desks, self._tickets, command, call)
        try:
            after, said = change(self._tickets, number, decide, call.cause, call.traceparent, owed_since=call.now)
        except Refused as refused:
            return Outcome(number, "refused", refused.message, refused.field)
        except Missing as missing:
            return Outcome(number, "refused", missing.message, "numbers")
        except Unavailable as busy:
            return Outcome(number, "left", busy.message)
        if said:
            owed[number] = said
        return Outcome(number, "done", version=after.version, state=after.state)

    def _tell(self, owed: dict[str, Sequence[Said]]) -> None:
        """What the broker does not take now is said by the relay: the changes are safe in their tickets."""
        told: Mapping[str, Sequence[Said]] = dict(owed)
        owed.clear()
        if not told:
            return
        try:
            self._say([message for said in told.values() for message in said])
        except Unavailable:
            return
        for number, said in told.items():
            self._tickets.mark_said(number, [message.id for message in said])
