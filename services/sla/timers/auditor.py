"""Looks whether steps of clocks are really taken, in another process than the engine that takes them (ADR 20).

Every round it asks for what `next_due` says is overdue by a minute, and walks on through the tickets themselves,
reckoning from facts and rules what each waits for. What it finds twice it says as `sla.alarm`, once, and once more when
it is over. A `next_due` that is wrong is put right, by compare-and-set: the engine then takes the step, late.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Protocol
from uuid import uuid4

from services.contracts.deskstream.v1.sla_pb2 import SlaAlarm
from services.kernel.clock import Clock, to_milliseconds
from services.kernel.errors import DeskstreamError
from services.kernel.ticket import ticket_number
from services.runtime import telemetry
from services.runtime.message import Said, event_id
from services.sla.handlers import SHARDS, RulesFor, readable
from services.sla.model import Timeline
from services.sla.policy.overdue import Finding, missed
from services.sla.timers.audit_row import Post
from services.sla.words import stamp

EVERY = 15.0
"""Seconds between two rounds, and from walk to walk."""
SOONER = 5.0
"""Seconds to the next round while something is suspected or stands: to confirm it, or to say that it is over."""
BOUND = timedelta(seconds=60)
"""A step that is later than this is overdue."""
TERM = timedelta(seconds=45)
"""How long the post is an auditor's after its last round."""
BUDGET = 1.0
"""Seconds a round may walk."""
PAGE = 500
MOST = 5_000
"""Overdue tickets that are counted; more are as bad."""
NAMED = 20
LOOK_BACK = 400
"""Days of receipt that the walk goes back."""
GAP = 2_000
"""Numbers in a row that nobody has, after which a day has no more: processes take them in blocks."""

_log = telemetry.get_log("deskstream.sla")
_mended = telemetry.counter("deskstream_clocks_mended", "Tickets whose next due instant was wrong and was put right")


class Kept(Protocol):
    """What the auditor needs of `handlers.Clocks`."""

    def read(self, numbers: Collection[str]) -> Mapping[str, Timeline]: ...
    def replace(self, timelines: Sequence[Timeline]) -> set[str]: ...
    def due(self, shards: Collection[int], until: datetime, limit: int) -> Sequence[tuple[datetime, str]]: ...


class Desk(Protocol):
    """Where the auditors' row is kept."""

    def read(self) -> Post: ...
    def change(self, seen: Post, after: Post) -> Post | None: ...


class Auditor:
    """One per server process; of several one audits, the others report what it found. Call `round` every `EVERY` s."""

    def __init__(
        self,
        store: Kept,
        posts: Desk,
        rules_for: RulesFor,
        clock: Clock,
        wall: Callable[[], datetime],
        monotonic: Callable[[], float],
        publish: Callable[[Sequence[Said]], object],
        follow: Callable[[], None] = lambda: None,
        look_back: int = LOOK_BACK,
    ) -> None:
        """`clock` is the desk's time, `wall` the database's, `follow` sets both by the database (`runtime.steady`)."""
        self._store = store
        self._posts = posts
        self._rules_for = rules_for
        self._clock = clock
        self._wall = wall
        self._monotonic = monotonic
        self._publish = publish
        self._follow = follow
        self._me = uuid4().hex
        self._walk = Walk(look_back)
        self._walked = float("-inf")
        self._suspects: dict[str, datetime] = {}
        self.overdue = 0
        """Tickets with a step overdue by more than a minute, as of the last round."""
        telemetry.gauge(
            "deskstream_steps_overdue",
            lambda: [(float(self.overdue), {})],
            "Tickets with a step overdue by more than a minute",
        )

    def round(self) -> float:
        """Looks once, and gives back the seconds until it wants to look again.

        Raises Unavailable while database or broker is away; what is owed is said by a later round.
        """
        self._follow()
        seen, wall = self._posts.read(), self._wall()
        if seen.holder not in ("", self._me) and seen.until > wall:
            self._suspects.clear()
            self.overdue = seen.steps
            return EVERY
        taken = self._posts.change(seen, replace(seen, holder=self._me, until=wall + TERM))
        if taken is None:
            return EVERY
        found = self._look()
        # Found at one look it may be on its way: the desk's clock has just jumped, the database has just come back.
        confirmed = {number: due for number, due in found.items() if self._suspects.get(number) == due}
        self._suspects = found
        self.overdue = len(confirmed)
        stands = self._noted(taken, confirmed, bool(found))
        kept = self._posts.change(taken, stands) if stands != taken else taken
        if kept is not None and kept.owed and kept.since is not None:
            self._publish([alarm(kept, self._clock.now())])
            self._posts.change(kept, replace(kept, owed=False))
        return SOONER if found or (stands.since is not None and not stands.over) else EVERY

    def _look(self) -> dict[str, datetime]:
        """Tickets with something overdue, and since when."""
        now = self._now()
        found = {number: due for due, number in self._store.due(range(SHARDS), now - BOUND, MOST)}
        again = [number for number in self._suspects if number not in found][:PAGE]
        self._check(readable(self._store, again, _unreadable) if again else (), now, found)
        began = self._monotonic()
        # A walk at every round that is only to confirm something would take the database's time from the engine.
        ends = began + BUDGET if began >= self._walked + EVERY - 1 else began
        while self._monotonic() < ends:
            self._walked = began
            page = self._walk.page(now)
            timelines = readable(self._store, page, _unreadable)
            self._walk.on(bool(timelines))
            self._check(timelines, now, found)
            if self._walk.done:
                break
        return found

    def _check(self, timelines: Collection[Timeline], now: datetime, found: dict[str, datetime]) -> None:
        wrong: list[tuple[Timeline, Finding]] = []
        for timeline in timelines:
            if timeline.next_due is None and not any(clock.live for clock in timeline.clocks):
                continue
            try:
                rules = self._rules_for(timeline.facts.newest.profile, timeline.facts.policy)
                finding = missed(timeline, rules, now, BOUND)
            except (DeskstreamError, ValueError, LookupError, ArithmeticError) as trouble:
                _unreadable(timeline.number, trouble)
                continue
            if finding is not None:
                found.setdefault(timeline.number, finding.due)
                if finding.next_due is not None:
                    wrong.append((timeline, finding))
        for timeline, finding in wrong:
            mended = replace(timeline, revision=timeline.revision + 1, next_due=finding.next_due)
            if not self._store.replace([mended]):
                _mended.add(1)
                _log.error(
                    "next_due_was_wrong", ticket=timeline.number, was=str(timeline.next_due), due=str(finding.due)
                )

    def _noted(self, post: Post, confirmed: Mapping[str, datetime], suspected: bool) -> Post:
        if confirmed and (post.since is None or post.over):
            if post.owed:
                # That the last trouble is over is said first.
                return post
            oldest = min(confirmed.values())
            _log.error("steps_overdue", steps=len(confirmed), oldest=oldest.isoformat(), remedy=_REMEDY)
            named = tuple(sorted(confirmed, key=lambda number: (confirmed[number], number))[:NAMED])
            return replace(
                post, since=self._now(), steps=len(confirmed), oldest=oldest, numbers=named, over=False, owed=True
            )
        if confirmed and post.steps != len(confirmed):
            return replace(post, steps=len(confirmed))
        if not suspected and post.since is not None and not post.over and not post.owed:
            _log.warning("steps_no_longer_overdue", since=post.since.isoformat())
            return replace(post, steps=0, over=True, owed=True)
        return post

    def _now(self) -> datetime:
        return to_milliseconds(self._clock.now())


def _unreadable(number: str, trouble: Exception) -> None:
    _log.error("clocks_unreadable", ticket=number, exc_info=trouble)


_REMEDY = (
    "See that a worker of sla runs and reaches broker and database; its log says clocks_stuck for what it cannot judge."
)


def alarm(post: Post, now: datetime) -> Said:
    """sla.alarm about the trouble of the row; its id follows from when the trouble was found."""
    assert post.since is not None  # noqa: S101 - asked only while there is one
    trouble = post.since.isoformat()
    body = SlaAlarm(steps=post.steps, numbers=post.numbers, over=post.over)
    if post.oldest is not None:
        body.oldest.CopyFrom(stamp(post.oldest))
    if post.over:
        body.text = f"The steps of clocks found overdue at {trouble} have been taken."
    else:
        body.text = f"Steps of {post.steps} tickets' clocks are overdue by more than a minute. {_REMEDY}"
    key = "sla.alarm"
    return Said(key, body, event_id(f"sla/audit/{trouble}", key, "", int(post.over)), time=now, actor="service:sla")


class Walk:
    """Through the numbers of all tickets, newest day first, page by page: every server finds numbers by their index.

    A range over `_id` would do on MongoDB; the embedded server reads the whole collection for one.
    """

    def __init__(self, look_back: int = LOOK_BACK) -> None:
        self._look_back = timedelta(days=look_back)
        self._day: date | None = None
        self._last: date | None = None
        self._sequence = 1
        self._empty = 0
        self.done = False
        """Whether the oldest day was reached; the next page begins anew."""

    def page(self, now: datetime) -> list[str]:
        """Numbers to look at next."""
        if self._day is None:
            # Numbers carry the day of their own zone, which may be tomorrow's.
            self._day = (now + timedelta(hours=14)).date()
            self._last = self._day - self._look_back
            self.done = False
        return [ticket_number(self._day, self._sequence + place) for place in range(PAGE)]

    def on(self, any_there: bool) -> None:
        """The page was looked at; whether any of it was there."""
        assert self._day is not None  # noqa: S101 - a page came first
        assert self._last is not None  # noqa: S101
        self._sequence += PAGE
        self._empty = 0 if any_there else self._empty + PAGE
        if self._empty >= GAP:
            self._day, self._sequence, self._empty = self._day - timedelta(days=1), 1, 0
            if self._day < self._last:
                self._day, self.done = None, True
