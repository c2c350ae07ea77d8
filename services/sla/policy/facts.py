"""What messages about a ticket add up to: sets and newest versions, so order and repetition change nothing."""

from __future__ import annotations

from dataclasses import replace

from services.sla.model import Cycle, Facts, News


def learn(known: Facts | None, news: News) -> Facts:
    """The facts after a message; the very same object when it tells nothing new."""
    if known is None:
        begun = Cycle(news.cycle, news.version, news.updated_at, news.version, news.milestones)
        return Facts(news, news.version, news.grade, (begun,), (news.regrade,) if news.regrade else ())
    after = known
    if news.version > known.newest.version:
        after = replace(after, newest=news)
    if news.version < known.first_version:
        after = replace(after, first_version=news.version, first_grade=news.grade)
    cycles = _learn_cycle(after.cycles, news)
    if cycles is not after.cycles:
        after = replace(after, cycles=cycles)
    if news.regrade and all(each.version != news.version for each in known.regrades):
        regrades = sorted((*known.regrades, news.regrade), key=lambda each: each.version)
        after = replace(after, regrades=tuple(regrades))
    return after


def _learn_cycle(cycles: tuple[Cycle, ...], news: News) -> tuple[Cycle, ...]:
    for index, cycle in enumerate(cycles):
        if cycle.number != news.cycle:
            continue
        after = cycle
        if news.version > cycle.newest:
            after = replace(after, newest=news.version, milestones=news.milestones)
        if news.version < cycle.begun_in:
            after = replace(after, begun_in=news.version, begun_at=news.updated_at)
        return cycles if after is cycle else (*cycles[:index], after, *cycles[index + 1 :])
    begun = Cycle(news.cycle, news.version, news.updated_at, news.version, news.milestones)
    return tuple(sorted((*cycles, begun), key=lambda each: each.number))
