"""A ticket's facts from the log of the stream alone, and what the kept clocks differ in from a replay of them (D23)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.contracts.deskstream.v1 import sla_pb2, ticket_pb2
from services.sla.hearing import instant, news_of
from services.sla.model import Clock, Commitment, Facts, Hold, Recalculation, Rules, Status, Timeline
from services.sla.policy.facts import learn
from services.sla.policy.replay import replay

YOUNG = timedelta(minutes=1)
"""What happened this short a time ago may still be under way."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIGURES = ("status", "started_at", "due_at", "stopped_at", "limit_seconds", "calendar", "grade", "used_seconds")


@dataclass(slots=True)
class Told:
    """What the log holds of one ticket: its versions, and what people did to its clocks. A set, whatever the order."""

    versions: dict[int, ticket_pb2.TicketEvent] = field(default_factory=dict)
    holds: dict[str, tuple[int, Hold]] = field(default_factory=dict)
    recalculations: dict[tuple[datetime, str], Recalculation] = field(default_factory=dict)
    commitments: dict[int, tuple[int, Commitment]] = field(default_factory=dict)

    def ticket(self, event: ticket_pb2.TicketEvent) -> None:
        """A ticket.* message."""
        self.versions.setdefault(event.ticket.version, event)

    def clocks(self, event: sla_pb2.SlaEvent) -> None:
        """An sla.* message: only what people did is taken from it, the rest follows."""
        if event.pause.hold_id:
            hold = _hold(event.pause, event.clock.cycle)
            # The one that ended knows more, whichever was heard first.
            rank = 1 if event.pause.HasField("until") else 0
            kept = self.holds.get(hold.id)
            if kept is None or (rank, -_seconds(hold.until)) > (kept[0], -_seconds(kept[1].until)):
                self.holds[hold.id] = (rank, hold)
        if event.HasField("recalculation"):
            laid = event.recalculation
            at = instant(laid.at)
            self.recalculations[at, laid.new_version] = Recalculation(
                f"r{len(self.recalculations) + 1}", at, laid.by, laid.reason, laid.old_version, laid.new_version
            )
        for state in (event.clock, *event.clocks):
            if state.HasField("commitment"):
                known = self.commitments.get(state.generation)
                if known is None or known[0] < event.revision:
                    self.commitments[state.generation] = (event.revision, _commitment(state))

    def facts(self, choices: Collection[str]) -> Facts | None:
        """What it adds up to; None when the log no longer holds the ticket from its first version on."""
        if 1 not in self.versions or set(self.versions) != set(range(1, max(self.versions) + 1)):
            return None
        known: Facts | None = None
        for _, event in sorted(self.versions.items()):
            known = learn(known, news_of(event, choices))
        assert known is not None  # noqa: S101 - there is a first version
        return replace(
            known,
            holds=tuple(sorted((each for _, each in self.holds.values()), key=lambda each: (each.since, each.id))),
            commitments=tuple(each for _, (_, each) in sorted(self.commitments.items())),
            recalculations=tuple(each for _, each in sorted(self.recalculations.items())),
        )


def compared(facts: Facts, kept: Timeline, rules: Rules, now: datetime) -> list[str]:
    """What the clocks that are kept differ in from those that the history gives, in sentences; empty: in nothing."""
    newest = kept.facts.newest.version
    if newest != facts.newest.version:
        if now - facts.newest.updated_at < YOUNG:
            return []
        return [f"the log has version {facts.newest.version} of the ticket, the clocks know version {newest}"]
    found: list[str] = []
    reckoned = {each.key: each for each in replay(facts, rules, now)}
    there = {each.key: each for each in kept.clocks}
    for key in dict.fromkeys((*reckoned, *there)):
        was, would = there.get(key), reckoned.get(key)
        if was is None or would is None:
            if was is None or not _lapsed(was):
                found.append(f"{_named(key)}: {'not kept' if was is None else 'not in the history'}")
            continue
        found.extend(
            f"{_named(key)}: {name} is {_shown(getattr(was, name))}, the history gives {_shown(getattr(would, name))}"
            for name in _FIGURES
            if getattr(was, name) != getattr(would, name) and not _under_way(name, was, would, now)
        )
    return found


def _under_way(name: str, was: Clock, would: Clock, now: datetime) -> bool:
    """A step that is due this very moment is taken by whoever holds the ticket's shard."""
    young = now - YOUNG < would.due_at <= now
    return name == "status" and was.status is Status.RUNNING and would.status is Status.BREACHED and young


def _lapsed(clock: Clock) -> bool:
    """Facts no longer meet its condition: kept to show that it was there, no part of the history's clocks."""
    return clock.status is Status.CANCELLED or clock.note in ("not_applicable", "superseded")


def _named(key: Iterable[object]) -> str:
    name, cycle, generation = key
    return f"clock {name}, cycle {cycle}, generation {generation}"


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return "none" if value is None else str(value)


def _hold(pause: sla_pb2.Pause, cycle: int) -> Hold:
    until = instant(pause.until) if pause.HasField("until") else None
    return Hold(pause.hold_id, pause.clock, cycle, instant(pause.since), pause.reason, pause.by, until)


def _commitment(state: sla_pb2.ClockState) -> Commitment:
    told = state.commitment
    stopped = instant(state.stopped_at) if state.HasField("stopped_at") else None
    kept = instant(told.kept_at) if told.HasField("kept_at") else None
    return Commitment(
        id=told.id,
        kind=told.kind,
        text=told.text,
        owner=told.owner,
        made_by=told.made_by,
        made_at=instant(told.made_at),
        due_at=instant(told.due_at),
        given=told.given,
        remind_at=instant(told.remind_at) if told.HasField("remind_at") else None,
        cycle=state.cycle,
        kept_at=kept,
        replaced_by=told.replaced_by,
        withdrawn=state.note == "withdrawn",
        closed_at=stopped if kept is None else None,
        calendar=state.calendar,
    )


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at is not None else float("inf")
