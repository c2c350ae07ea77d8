"""Timelines as rows of the collection. Every message passes here, so each class is looked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TypeVar

from bson.codec_options import CodecOptions

from services.runtime.mongo import Row
from services.sla.model import (
    Clock,
    Commitment,
    Cycle,
    Effect,
    Escalation,
    Facts,
    Hold,
    Moment,
    News,
    Recalculation,
    Regrade,
    Status,
    TakenBack,
    Timeline,
)

PLAIN_TIMES: CodecOptions[Row] = CodecOptions(tz_aware=False)
"""To read rows for `timeline_of` with: pymongo takes five times as long to make an instant aware as we do."""

_K = TypeVar("_K")
_NEW = (Regrade, TakenBack, Hold, Commitment, Recalculation, Clock, Escalation, Effect, Cycle, News)
_APART = {News: ("milestones", "taken_back", "moment", "regrade"), Cycle: ("milestones",), Clock: ("status",)}
"""Fields that take more than a look."""
_MOMENT = ("version", "at", "cycle", "event", "state", "team", "by", "record", "promised_at")
_LISTS: dict[str, type] = {"holds": Hold, "commitments": Commitment, "recalculations": Recalculation}
_STATUS = {each.value: each for each in Status}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what rows read with PLAIN_TIMES are counted from
_NEEDED = object()


class _Shape:
    """How the things of a class are kept: their fields in order, what is left out, and which are instants."""

    def __init__(self, kind: type) -> None:
        mine = [each for each in fields(kind) if each.name not in _APART.get(kind, ())]
        self.names = tuple(each.name for each in mine)
        self.defaults = tuple(_NEEDED if each.default is MISSING else each.default for each in mine)
        self.values: Callable[[Any], tuple[Any, ...]] = attrgetter(*self.names)
        self.instants = tuple(each.name for each in mine if each.type in ("datetime", "datetime | None"))


_SHAPES: dict[type, _Shape] = {kind: _Shape(kind) for kind in _NEW}
_MOMENT_VALUES: Callable[[Moment], tuple[Any, ...]] = attrgetter(*_MOMENT)


def row_of(timeline: Timeline, by: str) -> Row:
    """The row of a timeline; `by` names the write. What is empty is left out, the classes have defaults for it."""
    facts = timeline.facts
    # The newest cycle and the facts hold its milestones and what was taken back, the trail its moment.
    newest = _plain(facts.newest)
    if facts.newest.regrade is not None:
        newest["regrade"] = _plain(facts.newest.regrade)
    kept: Row = {
        "newest": newest,
        "first_version": facts.first_version,
        "first_grade": facts.first_grade,
        "cycles": [{**_plain(each), "milestones": dict(each.milestones)} for each in facts.cycles],
        "regrades": [_plain(each) for each in facts.regrades],
        "taken_back": [_plain(each) for each in facts.taken_back],
    }
    if facts.trail:
        kept["trail"] = [_kept_moment(each) for each in facts.trail]
    for name in _LISTS:
        if told := getattr(facts, name):
            kept[name] = [_plain(each) for each in told]
    row: Row = {
        "_id": timeline.number,
        "r": timeline.revision,
        "by": by,
        "facts": kept,
        "clocks": [{**_plain(each), "status": each.status.value} for each in timeline.clocks],
        "escalations": [_plain(each) for each in timeline.escalations],
        "effects": [_plain(each) for each in timeline.effects],
    }
    if timeline.next_due:
        row["next_due"] = timeline.next_due
    if overdue := timeline.overdue:
        row["overdue"] = overdue
    if facts.commitments:
        row["promised"] = facts.promised
    if timeline.idle:
        row["idle"] = True
    return row


def timeline_of(row: Row) -> Timeline:
    """The timeline of a row of the collection, whose parts it uses up. Rows of earlier releases are understood."""
    kept = row["facts"]
    cycles = tuple(_cycle(each) for each in kept["cycles"])
    newest = kept["newest"]
    milestones = next(each.milestones for each in cycles if each.number == newest["cycle"])
    regrade = newest.pop("regrade", None)
    facts = Facts(
        _made(News, {**newest, "milestones": milestones, "regrade": _made(Regrade, regrade) if regrade else None}),
        kept["first_version"],
        kept["first_grade"],
        cycles,
        _all(Regrade, kept["regrades"]),
        _all(TakenBack, kept.get("taken_back", ())),
        tuple(_moment(each) for each in kept.get("trail", ())),
        **{name: _all(kind, kept[name]) for name, kind in _LISTS.items() if name in kept},
    )
    return Timeline(
        number=row["_id"],
        revision=row["r"],
        facts=facts,
        clocks=tuple(_clock(each) for each in row["clocks"]),
        escalations=_all(Escalation, row["escalations"]),
        effects=_all(Effect, row["effects"]),
        next_due=_aware(row["next_due"]) if "next_due" in row else None,
    )


def _plain(thing: object) -> Row:
    shape = _SHAPES[type(thing)]
    return {
        name: value
        for name, value, default in zip(shape.names, shape.values(thing), shape.defaults, strict=True)
        if value is not default and value != default
    }


def _made(kind: type[_K], row: Row) -> _K:
    for name in _SHAPES[kind].instants:
        if (at := row.get(name)) is not None:
            row[name] = _aware(at)
    return kind(**row)


def _all(kind: type[_K], rows: Iterable[Row]) -> tuple[_K, ...]:
    return tuple(_made(kind, each) for each in rows)


def _aware(at: datetime) -> datetime:
    """The instant in UTC, however the row was read."""
    return _EPOCH + (at - _PLAIN_EPOCH) if at.tzinfo is None else at


def _cycle(row: Row) -> Cycle:
    row["milestones"] = {name: _aware(at) for name, at in row["milestones"].items()}
    return _made(Cycle, row)


def _kept_moment(moment: Moment) -> list[Any]:
    """A list instead of a document: tickets have one for each version, so names would weigh more than words."""
    kept = list(_MOMENT_VALUES(moment))
    if moment.flags:
        return [*kept, *moment.flags]
    while not kept[-1] and kept[-1] != 0:
        kept.pop()
    return kept


def _moment(kept: Sequence[Any]) -> Moment:
    version, at, cycle, event, state, team, by, record = (*kept[:8], "", "", "", "", "")[:8]
    promised = kept[8] if len(kept) > 8 else None
    return Moment(
        *(version, _aware(at), cycle, event, state, team, by, record, tuple(kept[9:])),
        promised_at=_aware(promised) if promised is not None else None,
    )


def _clock(row: Row) -> Clock:
    row["status"] = _STATUS[row["status"]]
    # Releases before 0.3 counted warnings instead of naming steps.
    if "warned" in row:
        row["taken"] = tuple(range(row.pop("warned")))
    elif "taken" in row:
        row["taken"] = tuple(row["taken"])
    if "rests" in row:
        row["rests"] = tuple((_aware(since), _aware(until)) for since, until in row["rests"])
    return _made(Clock, row)
