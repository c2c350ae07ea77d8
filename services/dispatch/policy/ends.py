"""Kinds of links, what each is called from its other end, and what of them is kept on a ticket (B18)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.dispatch.model import ENDED, Change, Link, Ticket, replace
from services.kernel.errors import Refused

OPPOSITE: Mapping[str, str] = {
    "parent": "child",
    "child": "parent",
    "problem": "member",
    "member": "problem",
    "duplicate_of": "duplicate",
    "duplicate": "duplicate_of",
    "origin": "new_fault",
    "new_fault": "origin",
    "task_of": "task",
    "task": "task_of",
    "passed_from": "passed_up",
    "passed_up": "passed_from",
    "related": "related",
}
"""Links between tickets. The kind says what the target is to the ticket: "parent" = the target is its parent."""

RECORDS = frozenset({"change", "emergency", "contact", "article", "prevention"})
"""Links to records that are no tickets; their other end finds them by the record's identifier."""

LABELS: Mapping[str, tuple[str, str]] = {
    "parent": ("parent", "父工单"),
    "child": ("child", "子工单"),
    "problem": ("problem", "所属问题"),
    "member": ("member", "问题成员"),
    "duplicate_of": ("duplicate of", "合并到"),
    "duplicate": ("duplicate", "被合并"),
    "origin": ("found while working on", "来源工单"),
    "new_fault": ("new fault found", "新发现故障"),
    "task_of": ("handed down by", "下达单位工单"),
    "task": ("task handed down", "下达任务"),
    "passed_from": ("passed up from", "下级单位工单"),
    "passed_up": ("passed up as", "上报工单"),
    "related": ("related", "相关工单"),
    "change": ("change record", "变更记录"),
    "emergency": ("emergency record", "应急记录"),
    "contact": ("contact", "联系记录"),
    "article": ("knowledge article", "知识条目"),
    "prevention": ("preventive entry", "预防措施条目"),
}

_AT_WORK = frozenset({"new", "open"})
_SOLVED = frozenset({"resolved", "closed"})

MOST_LINKS = 100
"""On one ticket. A snapshot stays under 8 KB: about 45 bytes each, and few have notes."""
LONGEST_NOTE = 100
LONGEST_TARGET = 100
_MOST_NOTES = 1500
"""Characters of all notes together."""


def state_note(kind: str, other: Ticket) -> str | None:
    """What a link tells of the ticket at its other end; None for kinds whose note is people's.

    A child tells its phase once it is no longer open, a problem its solution, the ticket merged into its phase: as
    solved only once the desk has confirmed it, for the requester hears of it then (E3).
    """
    if kind == "child":
        return "" if other.phase in _AT_WORK else other.phase
    if kind == "problem":
        return "" if other.phase not in _SOLVED else f"resolved: {' '.join(other.solution.split())}"[:LONGEST_NOTE]
    if kind == "duplicate_of":
        further = [link.note for link in other.links if link.kind == "duplicate_of"]
        if further:
            return further[0]
        unconfirmed = other.phase == "resolved" and "confirmed" not in other.milestones
        return "" if other.phase in _AT_WORK or unconfirmed else other.phase
    return None


def linked(ticket: Ticket, kind: str, target: str) -> Link | None:
    """The ticket's link of that kind to that target."""
    return next((link for link in ticket.links if link.kind == kind and link.target == target), None)


def targets(ticket: Ticket, kind: str) -> tuple[str, ...]:
    """What the ticket has such links to."""
    return tuple(link.target for link in ticket.links if link.kind == kind)


def check_room(ticket: Ticket, link: Link) -> None:
    """Refuses one link more than a ticket may have, or longer notes than it can carry."""
    others = [each for each in ticket.links if (each.kind, each.target) != (link.kind, link.target)]
    if len(others) >= MOST_LINKS:
        raise Refused(
            f"Ticket {ticket.number} has {MOST_LINKS} links, which is the most; remove one, or open another "
            "parent or problem for the rest.",
            code="conflict",
        )
    if sum(len(each.note) for each in others) + len(link.note) > _MOST_NOTES:
        raise Refused(
            f"The notes of all links of ticket {ticket.number} would be longer than {_MOST_NOTES} characters; "
            "shorten this one, or add a note to the ticket instead.",
            field="note",
        )


def with_link(ticket: Ticket, link: Link) -> Ticket:
    """The ticket with the link, in place of the one of the same kind and target."""
    key = (link.kind, link.target)
    if linked(ticket, *key) is None:
        return replace(ticket, links=(*ticket.links, link))
    return replace(ticket, links=tuple(link if (old.kind, old.target) == key else old for old in ticket.links))


def without_link(ticket: Ticket, kind: str, target: str) -> Ticket:
    """The ticket without that link."""
    return replace(ticket, links=tuple(link for link in ticket.links if (link.kind, link.target) != (kind, target)))


def link_changes(before: Ticket, after: Ticket) -> Iterable[Change]:
    """Every link that came, went or has another note: "<kind> <target>", with the note behind it."""
    old = {(link.kind, link.target): link.note for link in before.links}
    new = {(link.kind, link.target): link.note for link in after.links}
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield Change("links", _told(key, old), _told(key, new))


def _told(key: tuple[str, str], notes: Mapping[tuple[str, str], str]) -> str:
    if key not in notes:
        return ""
    kind, target = key
    return f"{kind} {target}: {notes[key]}" if notes[key] else f"{kind} {target}"


def ancestors(ticket: Ticket, known: Mapping[str, Ticket]) -> frozenset[str]:
    """Numbers of the ticket and of everything above it, as far as it is known."""
    found: set[str] = set()
    wave = [ticket.number]
    while wave:
        number = wave.pop()
        if number in found:
            continue
        found.add(number)
        one = ticket if number == ticket.number else known.get(number)
        if one is not None:
            wave.extend(targets(one, "parent"))
    return frozenset(found)


def children_ended(ticket: Ticket, others: Mapping[str, Ticket]) -> None:
    """Refuses to close a parent while children are open, with their numbers."""
    open_ones = [
        link.target
        for link in ticket.links
        if link.kind == "child" and not (others[link.target].ended if link.target in others else link.note in ENDED)
    ]
    if open_ones:
        raise Refused(
            f"Ticket {ticket.number} cannot be closed while its children (子工单) are open: {', '.join(open_ones)}; "
            "close or unlink them first.",
            code="conflict",
        )


def listed(text: str) -> tuple[str, ...]:
    """Names with commas between, Chinese ones too, each once."""
    parts = text.replace("，", ",").replace("、", ",").split(",")
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
