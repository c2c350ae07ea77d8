"""What a ticket can be found by: a bounded set of terms, "kind:value", Chinese text taken apart (B22). Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime

import rjieba

from services.contracts.deskstream.v1 import common_pb2, ticket_pb2
from services.dispatch import wire

MOST_WORDS = 200
"""Terms of text kept of one ticket; what stands further back in a long description is not found."""
MOST_READ = 4_000
LONGEST_VALUE = 80

_RUN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+|[^\W_]+")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_NOTHING = frozenset("的了吗呢吧啊和与及或在是有把被我你他她它们")
_NUMBER = re.compile(r"([a-z]+)(\d{6})(\d{2})-(\d{6,})")


def plain(text: str) -> str:
    """One way of writing for all: full width made narrow, small letters, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def digits(phone: str) -> str:
    """A telephone number as its digits, without the prefix of the country at home."""
    found = "".join(letter for letter in unicodedata.normalize("NFKC", phone) if letter in "0123456789")
    for prefix in ("0086", "86"):
        if found.startswith(prefix) and len(found) - len(prefix) >= 10:
            return found.removeprefix(prefix)
    return found


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    for run in _RUN.findall(plain(text)):
        # A run of Latin letters may stand right beside Chinese ones.
        for piece in re.findall(rf"{_HAN.pattern}+|[^{_HAN.pattern[1:]}+", run):
            yield piece, bool(_HAN.match(piece))


def _words(text: str) -> Iterator[str]:
    for run, han in _runs(text):
        if han:
            yield from (word for word in rjieba.cut_for_search(run) if word not in _NOTHING)
        else:
            yield run[:LONGEST_VALUE]


def _pairs(text: str) -> Iterator[str]:
    for run, han in _runs(text):
        if han:
            yield from (run[place : place + 2] for place in range(len(run) - 1))


def _letters(text: str) -> Iterator[str]:
    for run, han in _runs(text):
        if han:
            yield from run


def text_terms(short: Iterable[str], long: Iterable[str]) -> list[str]:
    """Terms of texts, the telling ones first: words and pairs of neighbours; of short texts single characters too."""
    brief = [text[:MOST_READ] for text in short if text]
    wide = [text[:MOST_READ] for text in long if text]
    found: dict[str, None] = {}
    for take, texts in ((_words, brief), (_pairs, brief), (_letters, brief), (_words, wide), (_pairs, wide)):
        for text in texts:
            for word in take(text):
                found[word] = None
                if len(found) >= MOST_WORDS:
                    return list(found)
    return list(found)


def asked_terms(text: str) -> list[str]:
    """Terms that a ticket must all have to answer these words.

    A word of one or two characters is a term itself; a longer one is cut as sentences are, and what is left single
    joins its neighbour, since single characters of long texts are not kept.
    """
    found: dict[str, None] = {}
    for run, han in _runs(text):
        if not han:
            found[run[:LONGEST_VALUE]] = None
        elif len(run) <= 2:
            found[run] = None
        else:
            place = 0
            for word in rjieba.cut(run):
                lone = len(word) == 1
                start = max(place - 1, 0) if lone else place
                found[run[start : start + 2] if lone else word] = None
                place += len(word)
    return list(found)


def _value(kind: str, value: str) -> str:
    return f"{kind}:{plain(value)[:LONGEST_VALUE]}"


def value_term(kind: str, value: str) -> str:
    """Term of a value that must be met whole."""
    return _value(kind, value)


def number_terms(number: str) -> list[str]:
    """The number whole, by day, by month and by its running part."""
    found = _NUMBER.fullmatch(plain(number))
    if found is None:
        return [_value("number", number)]
    letters, month, day, running = found.groups()
    return [_value("number", f"{letters}{month}"), _value("number", f"{letters}{month}{day}"), f"running:{running}"]


def day_term(day: str) -> str:
    """Term of all tickets received on a day, in UTC."""
    return f"on:{day}"


def day_of(at: datetime) -> str:
    """The UTC day, as text that sorts."""
    return at.strftime("%Y%m%d")


def terms_of(ticket: ticket_pb2.Ticket) -> frozenset[str]:
    """All terms of a ticket; of a masked one those that the mask leaves."""
    who = ticket.requester
    channel = common_pb2.Channel.Name(ticket.channel) if ticket.channel in common_pb2.Channel.values() else ""
    neutral = (
        common_pb2.NeutralType.Name(ticket.neutral_type)
        if ticket.neutral_type in common_pb2.NeutralType.values()
        else ""
    )
    phase = ticket_pb2.Phase.Name(ticket.phase) if ticket.phase in ticket_pb2.Phase.values() else ""
    values = (
        ("requester", who.id),
        ("channel", channel),
        ("type", ticket.type),
        ("neutral", neutral),
        ("grade", ticket.grade),
        ("state", ticket.state),
        ("phase", phase),
        ("assignee", ticket.assignee),
        ("team", ticket.team),
        ("department", who.department),
        ("unit", who.unit),
        ("project", ticket.project),
        ("profile", ticket.profile),
        ("entry", ticket.entry),
        ("flow", ticket.flow),
        *(("team", team) for team in (ticket.lead_team, *ticket.supporting_teams)),
        *(("linked", link.target) for link in ticket.links),
    )
    found = {_value(kind, value) for kind, value in values if value}
    found.update(number_terms(ticket.number))
    if "received" in ticket.milestones:
        found.add(day_term(day_of(wire.instant(ticket.milestones["received"]))))
    if called := digits(who.phone):
        found.update((f"phone:{called[-20:]}", f"last4:{called[-4:]}"))
    found.update(f"name:{word}" for word in text_terms([who.name], [])[:20])
    extra = [ticket.fields[name] for name in sorted(ticket.fields)]
    words = text_terms([ticket.title, who.name], [ticket.description, ticket.solution, ticket.steps, *extra])
    found.update(f"word:{word}" for word in words)
    return frozenset(found)
