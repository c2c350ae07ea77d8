"""What messages about a ticket add up to: sets and newest versions, so order and repetition change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.sla.model import Cycle, Facts, Moment, News, TakenBack


def learn(known: Facts | None, news: News) -> Facts:
    """The facts after a message; the very same object when it tells nothing new."""
    if known is None:
        regrades = (news.regrade,) if news.regrade else ()
        trail: tuple[Moment, ...] = (news.moment,) if news.moment else ()
        return Facts(news, news.version, news.grade, (_begun(news),), regrades, news.taken_back, trail)
    changes: dict[str, Any] = {}
    if news.version > known.newest.version:
        changes["newest"] = news
    if news.version < known.first_version:
        changes.update(first_version=news.version, first_grade=news.grade)
    if (cycles := _learn_cycle(known.cycles, news)) is not known.cycles:
        changes["cycles"] = cycles
    if news.regrade and all(each.version != news.version for each in known.regrades):
        changes["regrades"] = tuple(sorted((*known.regrades, news.regrade), key=lambda each: each.version))
    if news.taken_back and all(each.version != news.version for each in known.taken_back):
        changes["taken_back"] = tuple(sorted((*known.taken_back, *news.taken_back), key=_order))
    if (trail := _learn_moment(known.trail, news.moment)) is not known.trail:
        changes["trail"] = trail
    return replace(known, **changes) if changes else known


def _learn_moment(trail: tuple[Moment, ...], moment: Moment | None) -> tuple[Moment, ...]:
    if moment is None:
        return trail
    if not trail or trail[-1].version < moment.version:
        return (*trail, moment)
    if any(each.version == moment.version for each in trail):
        return trail
    return tuple(sorted((*trail, moment), key=lambda each: each.version))


def _order(taken_back: TakenBack) -> tuple[int, str]:
    return taken_back.version, taken_back.milestone


def _begun(news: News) -> Cycle:
    return _ended(Cycle(news.cycle, news.version, news.updated_at, news.version, news.milestones), news)


def _ended(cycle: Cycle, news: News) -> Cycle:
    """A note on an ended ticket is no new end: the lowest version that had ended says when it did."""
    if not news.ended or 0 < cycle.ended_in <= news.version:
        return cycle
    return replace(cycle, ended_in=news.version, ended_at=news.updated_at)


def _learn_cycle(cycles: tuple[Cycle, ...], news: News) -> tuple[Cycle, ...]:
    for index, cycle in enumerate(cycles):
        if cycle.number != news.cycle:
            continue
        after = cycle
        if news.version > cycle.newest:
            after = replace(after, newest=news.version, milestones=news.milestones)
        if news.version < cycle.begun_in:
            after = replace(after, begun_in=news.version, begun_at=news.updated_at)
        after = _ended(after, news)
        return cycles if after is cycle else (*cycles[:index], after, *cycles[index + 1 :])
    return tuple(sorted((*cycles, _begun(news)), key=lambda each: each.number))
