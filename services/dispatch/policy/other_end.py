"""What a ticket makes of news from the other end of its links (B18, B21).

A function of the other ticket as it stands and of which links its event brought or took, so that events may be heard
in any order, repeatedly, and late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from services.dispatch.model import SYSTEM, Actor, Change, Event, Link, Ticket
from services.dispatch.policy.ends import (
    MOST_LINKS,
    OPPOSITE,
    RECORDS,
    linked,
    state_note,
    with_link,
    without_link,
)
from services.dispatch.policy.taking import ALERT, said
from services.kernel.errors import Refused

TOLD = frozenset({"child", "problem", "duplicate_of"})
"""Links that tell how the ticket at the other end stands."""

SILENT = frozenset({"link_back", "unlink_back", "merge_back"})
"""Actions of the platform that no other end has to hear of."""


@dataclass(frozen=True, slots=True)
class News:
    """What an event of the other ticket says: kinds of its links to us that came and went with it, and when."""

    other: Ticket
    at: datetime
    came: frozenset[str] = frozenset()
    went: frozenset[str] = frozenset()


def tells_others(action: str, event: str, links: Iterable[str], changed: Iterable[str]) -> bool:
    """Whether an event has to be heard for the other ends of its ticket's links, given by their kinds."""
    kinds = frozenset(links)
    if action in SILENT:
        return False
    if "links" in changed:
        # What is only passed on concerns the tickets that were merged into this one.
        return action != "other_told" or "duplicate" in kinds
    if event == "opened":
        return not kinds.isdisjoint(OPPOSITE)
    return "state" in changed and any(OPPOSITE.get(kind) in TOLD for kind in kinds)


def hearers(ticket: Ticket) -> Iterator[str]:
    """Tickets that are told how this one stands."""
    for link in ticket.links:
        if OPPOSITE.get(link.kind) in TOLD:
            yield link.target


def other_end(ticket: Ticket, news: News, now: datetime) -> Event | None:
    """The event of following the other end; None when there is nothing to follow."""
    after = ticket
    for link in news.other.links:
        if link.target == ticket.number and link.kind in OPPOSITE:
            after = _followed(after, link, news)
    for kind in news.went:
        mine = linked(after, OPPOSITE[kind], news.other.number)
        gone = linked(news.other, kind, ticket.number) is None
        # One that is newer than the news was made on this end since.
        if gone and mine is not None and (mine.at is None or mine.at <= news.at):
            after = without_link(after, OPPOSITE[kind], news.other.number)
    if after == ticket:
        return None
    return _told(ticket, after, news, now)


def _followed(ticket: Ticket, link: Link, news: News) -> Ticket:
    back = OPPOSITE[link.kind]
    mine, note = linked(ticket, back, news.other.number), state_note(back, news.other)
    if mine is not None:
        return ticket if note is None or note == mine.note else with_link(ticket, replace(mine, note=note))
    if link.kind not in news.came or (back == "duplicate" and ticket.ended):
        return ticket
    if len(ticket.links) >= 2 * MOST_LINKS:
        raise Refused(f"Ticket {ticket.number} has too many links to take one more; unlink some of them.")
    after = with_link(ticket, Link(back, news.other.number, note or "", link.at))
    return _absorbed(after, news.other) if back == "duplicate" else after


def _absorbed(ticket: Ticket, duplicate: Ticket) -> Ticket:
    """The contacts of a ticket merged into this one count here from now on (A20); so do its records."""
    after = replace(ticket, repeat_contacts=ticket.repeat_contacts + 1 + duplicate.repeat_contacts)
    for link in duplicate.links:
        if link.kind in RECORDS and linked(after, link.kind, link.target) is None and len(after.links) < MOST_LINKS:
            after = with_link(after, link)
    return after


def _told(before: Ticket, after: Ticket, news: News, now: datetime) -> Event:
    number = news.other.number
    old, new = ({(link.kind, link.target) for link in each.links} for each in (before, after))
    fresh, lost = {kind for kind, _ in new - old}, {kind for kind, _ in old - new}
    alarms: list[str] = []
    if fresh or lost:
        name, action = ("linked", "link_back") if fresh else ("unlinked", "unlink_back")
        reason = (
            f"工单 {number} 的关联。Linked from {number}." if fresh else f"{number} 取消关联。Unlinked from {number}."
        )
        if "duplicate" in fresh:
            alarms.append("merged_in")
            action, reason = "merge_back", f"工单 {number} 并入本单。{number} was merged into this one."
        if "new_fault" in fresh:
            alarms.append("new_fault")
    else:
        name, action, reason = "noted", "other_told", _how_it_stands(after, number, news)
    if _now(_SOLVED, before, after, "problem", number):
        alarms.append("problem_resolved")
    if _now(_SOLVED, before, after, "duplicate_of", number):
        alarms.append("merged_resolved")
    if _now(("cancelled",), before, after, "duplicate_of", number):
        alarms.append("merged_withdrawn")
    extra = tuple(Change(ALERT, "", alarm) for alarm in alarms)
    return said(before, after, name, action, Actor(SYSTEM.id, "system"), now, reason, extra)


_SOLVED = ("resolved", "closed")


def _now(words: tuple[str, ...], before: Ticket, after: Ticket, kind: str, number: str) -> bool:
    """Whether the link began to tell one of these words."""
    old, new = linked(before, kind, number), linked(after, kind, number)
    return new is not None and new.note.startswith(words) and not (old is not None and old.note.startswith(words))


def _how_it_stands(ticket: Ticket, number: str, news: News) -> str:
    kind = next((link.kind for link in ticket.links if link.target == number and link.kind in TOLD), "")
    solution = " ".join(news.other.solution.split())
    if kind == "problem" and news.other.phase in ("resolved", "closed"):
        return f"问题 {number} 已解决，请据此处理并单独确认本单。Problem {number} is resolved: {solution}"
    words = {"child": ("子工单", "Child"), "problem": ("问题", "Problem")}.get(kind, ("所并入工单", "Target"))
    told = f": {solution}" if solution and news.other.phase in ("resolved", "closed") else ""
    return f"{words[0]} {number}：{news.other.state}。{words[1]} {number} is {news.other.phase}{told}"
