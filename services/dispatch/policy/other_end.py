"""What a ticket makes of news from the other end of its links (B18, B21).

A function of the other ticket as it stands and of which links its event brought or took, so that events may be heard
in any order, repeatedly, and late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.dispatch.model import SYSTEM, Actor, Change, Event, Link, Ticket, replace
from services.dispatch.policy.ends import (
    MOST_LINKS,
    OPPOSITE,
    RECORDS,
    linked,
    state_note,
    with_link,
    without_link,
)
from services.dispatch.policy.taking import ALERT, TELLS_CHILDREN, said
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


def tells_others(action: str, event: str, kinds: frozenset[str], changed: Sequence[tuple[str, str]]) -> bool:
    """Whether an event has to be heard for the other ends of its ticket's links.

    `kinds`: of those links; `changed`: field of every change, with its text.
    """
    if action in SILENT:
        return False
    fields = {field for field, _ in changed}
    if TELLS_CHILDREN in fields and "child" in kinds:
        return True
    if any(field == "links" and text.partition(" ")[0] in OPPOSITE for field, text in changed):
        # What is only passed on concerns the tickets that were merged into this one.
        return action != "other_told" or "duplicate" in kinds
    if event == "opened":
        return not kinds.isdisjoint(OPPOSITE)
    if "repeat_contacts" in fields and "duplicate_of" in kinds:
        return True
    return "state" in fields and any(OPPOSITE.get(kind) in TOLD for kind in kinds)


def hearers(ticket: Ticket) -> Iterator[str]:
    """Tickets that are told how this one stands; one merged into another tells it who comes back about it."""
    for link in ticket.links:
        if OPPOSITE.get(link.kind) in TOLD or link.kind == "duplicate_of":
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


@dataclass(frozen=True, slots=True)
class Bulletin:
    """What a record of a parent tells its children (H14, O6): which version of which ticket, and the words."""

    number: str
    version: int
    text: str

    @property
    def id(self) -> str:
        """The same for every ticket that hears of it, so that each person is told once."""
        return f"{self.number}/{self.version}"


BULLETIN = "bulletin"
"""Change that is no value of the ticket: id of the bulletin it heard of."""


def bulletin_told(ticket: Ticket, bulletin: Bulletin, followed: Event | None, now: datetime) -> Event | None:
    """The event by which a child passes its parent's bulletin on; `followed`: what else the same news made of it.

    A ticket that has ended is left alone: its requester waits for nothing.
    """
    if ticket.ended:
        return followed
    extra = (Change(ALERT, "", "bulletin_of_parent"), Change(BULLETIN, "", bulletin.id))
    if followed is not None:
        return replace(followed, reason=bulletin.text, changes=(*followed.changes, *extra))
    return said(ticket, ticket, "noted", "bulletin_told", Actor(SYSTEM.id, "system"), now, bulletin.text, extra)


def _followed(ticket: Ticket, link: Link, news: News) -> Ticket:
    back = OPPOSITE[link.kind]
    mine = linked(ticket, back, news.other.number)
    if mine is None and (link.kind not in news.came or (back == "duplicate" and ticket.ended)):
        return ticket
    if mine is None and len(ticket.links) >= 2 * MOST_LINKS:
        raise Refused(f"Ticket {ticket.number} has too many links to take one more; unlink some of them.")
    if back == "duplicate":
        return _absorbed(ticket, mine or Link(back, news.other.number, "", link.at), news.other)
    note = state_note(back, news.other)
    if mine is None:
        # Between units each end names the desk at the other (C27).
        unit = news.other.profile if back in ("task", "passed_up") else ""
        return with_link(ticket, Link(back, news.other.number, note or unit, link.at))
    return ticket if note is None or note == mine.note else with_link(ticket, replace(mine, note=note))


def _absorbed(ticket: Ticket, link: Link, duplicate: Ticket) -> Ticket:
    """The contacts of a ticket merged into this one count here (A20), later ones too; so do its records.

    The link notes how many were counted, so that no order and no repetition counts one twice.
    """
    counted = int(link.note.partition(" ")[0] or 0)
    contacts = max(counted, 1 + duplicate.repeat_contacts)
    after = with_link(ticket, replace(link, note=f"{contacts} contacts"))
    after = replace(after, repeat_contacts=ticket.repeat_contacts + contacts - counted)
    for record in duplicate.links:
        fresh = record.kind in RECORDS and linked(after, record.kind, record.target) is None
        if fresh and len(after.links) < MOST_LINKS:
            after = with_link(after, record)
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
    elif after.repeat_contacts > before.repeat_contacts:
        name, action = "updated", "other_told"
        reason = f"并入的工单 {number} 的用户再次反映。The requester of {number}, merged into this one, came back."
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
