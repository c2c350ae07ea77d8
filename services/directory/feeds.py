"""Rosters as calendar programs read them: iCalendar (RFC 5545) behind a signed address that can be ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from icalendar import Calendar, Event

from services.directory import roster_policy as policy
from services.directory.roster_model import Book, Request
from services.directory.roster_months import this_month
from services.directory.rosters import Books, Rosters
from services.kernel.errors import Refused, Unavailable
from services.profile.load import LoadedProfile
from services.profile.shifts import Work
from services.runtime.identity import Signer, Verifier

PURPOSE = "roster_feed"
_LIFETIME = timedelta(days=400)
_TRIES = 5


class Seals(Protocol):
    """How often a person has ended the addresses given to them."""

    def generation(self, person: str) -> int: ...
    def end_generation(self, person: str, seen: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a shift as it is really worked; `instead` is who is away."""

    work: Work
    start: int
    end: int
    instead: str = ""


class Feeds:
    """Makes, ends and answers addresses. A token says whose roster it shows and nothing else."""

    def __init__(self, rosters: Rosters, books: Books, seals: Seals, signer: Signer, verifier: Verifier) -> None:
        self._rosters = rosters
        self._books = books
        self._seals = seals
        self._signer = signer
        self._verifier = verifier

    def address(self, profile: str, team: str, revoke: bool, who: str) -> str:
        """A token for the caller's own shifts, or those of a team they are in or lead."""
        loaded, _ = self._rosters.ruled(profile)
        person = loaded.lookups.people.get(who)
        if person is None:
            raise Refused(f"You are not of the desk {loaded.name}; ask its team leader.", code="forbidden")
        if not _may_see(loaded, who, team):
            raise Refused(f"You are not in team {team[:60]}; ask for your own shifts.", code="forbidden", field="team")
        if revoke:
            self._end(who)
        claims = {"sub": who, "profile": loaded.name, "team": team, "generation": self._seals.generation(who)}
        return self._signer.sign_claims(PURPOSE, claims, _LIFETIME)

    def calendar(self, token: str, now: datetime) -> bytes:
        """The shifts of last, this and next month; Refused for an address that was ended or is none of ours."""
        claims = self._verifier.claims(token, PURPOSE)
        person, team = str(claims["sub"]), str(claims["team"])
        loaded, _ = self._rosters.ruled(str(claims["profile"]))
        known = loaded.lookups.people.get(person)
        if claims["generation"] != self._seals.generation(person) or known is None:
            raise Refused("This address was ended; make a new one.", code="unauthenticated")
        if not _may_see(loaded, person, team):
            # The address outlives the membership it was given for.
            raise Refused(f"{person} is no longer in team {team}; make another address.", code="unauthenticated")
        wanted = {each.id for each in loaded.lookups.members(team)} if team else {person}
        month = this_month(loaded, now)
        books = [self._books.book(loaded.name, policy.month_after(month, step)) for step in (-1, 0, 1)]
        earlier = self._books.requests(loaded.name, policy.months_of_leave(month))
        return as_ics(loaded, books, wanted, now, earlier)

    def _end(self, who: str) -> None:
        for _ in range(_TRIES):
            if self._seals.end_generation(who, self._seals.generation(who)):
                return
        raise Unavailable("The addresses are changed by many at once; try again.")


def _may_see(loaded: LoadedProfile, who: str, team: str) -> bool:
    """One's own shifts, and those of a team one is in or leads."""
    known = loaded.lookups.teams.get(team)
    return not team or team in loaded.lookups.people[who].teams or (known is not None and known.lead == who)


def as_ics(
    loaded: LoadedProfile, books: Sequence[Book], wanted: set[str], now: datetime, earlier: Sequence[Request] = ()
) -> bytes:
    """The shifts of these people as worked: swaps done, leave cut out, standing in put in."""
    language = loaded.profile.profile.language
    labels = {shift.key: shift.label for shift in loaded.profile.roster.shifts} if loaded.profile.roster else {}
    made = Calendar()
    made.add("prodid", "-//Deskstream//Roster//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", loaded.profile.profile.title.in_language(language))
    for part in _parts(books, earlier):
        if part.work.person not in wanted:
            continue
        event = Event()
        label = labels.get(part.work.shift)
        words = [label.in_language(language) if label else part.work.shift]
        if len(wanted) > 1:
            words.append(loaded.lookups.people[part.work.person].name)
        if part.instead:
            absent = loaded.lookups.people.get(part.instead)
            words.append(f"({'替' if language == 'zh-CN' else 'for '}{absent.name if absent else part.instead})")
        event.add("uid", f"{part.work.key}/{part.work.person}/{part.start}@deskstream")
        event.add("dtstamp", now)
        event.add("dtstart", datetime.fromtimestamp(part.start, UTC))
        event.add("dtend", datetime.fromtimestamp(part.end, UTC))
        event.add("summary", " ".join(words))
        made.add_component(event)
    return bytes(made.to_ical())


def _parts(books: Sequence[Book], earlier: Sequence[Request]) -> Iterator[_Part]:
    asked = (*earlier, *(each for book in books for each in book.requests))
    away = [each for each in asked if each.kind == "leave" and each.state == "approved"]
    for book in books:
        for work in book.work if book.state == "filed" else ():
            for start, end in work.spans:
                at = start
                for each in sorted(away, key=lambda leave: leave.start):
                    if each.person != work.person or not each.overlaps(at, end):
                        continue
                    if each.start > at:
                        yield _Part(work, at, each.start)
                    until = min(each.end, end)
                    if each.other:
                        yield _Part(replace(work, person=each.other), max(at, each.start), until, work.person)
                    at = until
                if at < end:
                    yield _Part(work, at, end)
