"""Rosters, leave and swaps: load the month's book, decide, save by compare-and-set (M1 to M9, M19, M29)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from services.directory import roster_policy as policy
from services.directory.roster_limits import Wish, short
from services.directory.roster_model import Book, Request, Step
from services.directory.roster_months import Change, changed, month_checked, place_of, this_month
from services.kernel.errors import Missing, Refused, Unavailable
from services.profile.load import LoadedProfile, Profiles
from services.profile.roster import RosterRules
from services.profile.shifts import Work, judge, make_month

_TRIES = 10
_MOST_CHANGES = 500
_MOST_STEPS = 500
_LONGEST_TEXT = 1_000


class Books(Protocol):
    """Where the books lie. A book nobody wrote yet has version 0."""

    def book(self, profile: str, month: str) -> Book: ...
    def swap(self, seen: Book, new: Book) -> bool: ...
    def requests(self, profile: str, months: Sequence[str]) -> Sequence[Request]:
        """Requests of these months, without the rest of the books."""


class Rosters:
    """Commands and questions about months. `who` is the verified caller's id, `now` aware."""

    def __init__(self, profiles: Profiles, books: Books, changed: Callable[[datetime], object]) -> None:
        self._profiles = profiles
        self._books = books
        self._changed = changed
        """Called after what may change who is on duty."""

    def get(self, profile: str, month: str, now: datetime) -> tuple[LoadedProfile, Book]:
        """A month's book; an empty month is that of now."""
        loaded, _ = self.ruled(profile)
        return loaded, self._books.book(loaded.name, month_checked(month or this_month(loaded, now)))

    def make(
        self, profile: str, month: str, changes: Sequence[Change], keep: bool, expected: int, reason: str, who: str,
        now: datetime,
    ) -> tuple[LoadedProfile, Book]:  # fmt: skip
        """Makes the month from the patterns, or goes on from what stands, and applies changes. A filed month takes
        changes that leave it without faults, with their reason, and none by those they concern (M5)."""
        loaded, rules = self.ruled(profile)
        self._one_of(loaded, rules.filing.makers, who, now)
        short(reason, "reason", _LONGEST_TEXT)
        if len(changes) > _MOST_CHANGES:
            raise Refused(f"More than {_MOST_CHANGES} changes at once; send them in parts.", field="changes")
        if month_checked(month) < this_month(loaded, now):
            raise Refused(f"{month} is over; make a month that is not.", field="month")

        def decide(book: Book) -> Book:
            filed = book.state == "filed"
            if filed and not keep:
                raise Refused(f"The roster of {month} is filed; change it with keep and a reason.", code="conflict")
            if filed and (not reason or any(who in (each.remove, each.add) for each in changes)):
                raise Refused(
                    "A filed roster is changed with a reason and by somebody it does not concern (不得自行换班); "
                    "give the reason, or ask another maker.",
                    field="reason",
                )
            start = book.work if keep and book.work else make_month(loaded.profile, book.year, book.number)
            work = changed(loaded, start, changes, month)
            if filed:
                _faultless(loaded, book, work)
            step = Step(
                now, who, self._role(loaded, rules.filing.makers, who, now), "changed" if keep else "made", reason
            )
            return replace(book, state="filed" if filed else "draft", work=work, history=_more(book, step))

        return loaded, self._change(loaded.name, month, decide, now, expected)

    def file(
        self, profile: str, month: str, expected: int, consent: str, who: str, now: datetime
    ) -> tuple[LoadedProfile, Book]:
        """Files a faultless draft; time, version and who are kept (M1). A short service needs a consent (M4)."""
        loaded, rules = self.ruled(profile)
        month_checked(month)
        short(consent, "consent", _LONGEST_TEXT)

        def decide(book: Book) -> Book:
            if book.state != "draft":
                raise Refused(f"There is no draft of {month} to file; make the roster first.", code="conflict")
            verdict = _faultless(loaded, book, book.work)
            may = rules.filing.makers
            if verdict and not (consent and rules.filing.consent in self._roles(loaded, who, now)):
                raise Refused(
                    f"{' '.join(verdict)} Filing so needs a {rules.filing.consent} and the reason as consent.",
                    code="conflict",
                    field="consent",
                )
            if verdict and rules.filing.consent:
                may = (*may, rules.filing.consent)
            role = self._one_of(loaded, may, who, now)
            step = Step(now, who, role, "filed", consent)
            return replace(
                book,
                state="filed",
                filed_at=now,
                filed_by=who,
                filed_version=book.version + 1,
                history=_more(book, step),
            )

        return loaded, self._change(loaded.name, month, decide, now, expected)

    def leave(self, profile: str, wish: Wish, start: datetime, end: datetime, other: str, extended: str) -> Request:
        """Asks for leave (请假): checked against the limits at once, then waits for the approvers."""
        loaded, _ = self.ruled(profile)
        self._is_of(loaded, wish.person)
        short(wish.reason, "reason", _LONGEST_TEXT)
        short(wish.evidence, "evidence", _LONGEST_TEXT)
        zone = ZoneInfo(loaded.profile.profile.timezone)
        month = f"{start.astimezone(zone):%Y-%m}"
        made: list[Request] = []

        def decide(book: Book) -> Book:
            made[:] = [policy.leave(loaded.profile, self._around(book), wish, start, end, other, extended)]
            return policy.with_request(book, made[0])

        self._change(loaded.name, month, decide, wish.now)
        return made[0]

    def swap(self, profile: str, wish: Wish, shift: str, partner: str, theirs: str) -> Request:
        """Asks for a swap (换班) within one month; the partner agrees first, then the approver."""
        loaded, _ = self.ruled(profile)
        self._is_of(loaded, wish.person)
        short(wish.reason, "reason", _LONGEST_TEXT)
        month = shift[:7]
        if theirs and theirs[:7] != month:
            raise Refused("A swap is within one month; choose a shift of the same month.", field="partner_shift")
        made: list[Request] = []

        def decide(book: Book) -> Book:
            made[:] = [policy.swap(loaded.profile, self._around(book), book, wish, shift, partner, theirs)]
            return policy.with_request(book, made[0])

        self._change(loaded.name, month_checked(month), decide, wish.now)
        return made[0]

    def decide(self, request: str, who: str, agree: bool, why: str, now: datetime) -> Request:
        """A word on a request: the partner's, an approver's, or its own person's to withdraw it."""
        profile, month = place_of(request)
        loaded, _ = self.ruled(profile)
        self._is_of(loaded, who)
        short(why, "reason", _LONGEST_TEXT)
        made: list[Request] = []

        def decide(book: Book) -> Book:
            found = next((each for each in book.requests if each.id == request), None)
            if found is None:
                raise Missing(f'There is no request "{request[:80]}"; look at the list of the month.')
            made[:] = [policy.decided(found, who, self._roles(loaded, who, now), agree, why, now)]
            return policy.with_request(book, made[0])

        self._change(loaded.name, month, decide, now)
        return made[0]

    def ruled(self, profile: str) -> tuple[LoadedProfile, RosterRules]:
        """A profile that has rosters; Missing for any other."""
        loaded = self._profiles.get(profile)
        if loaded.profile.roster is None:
            raise Missing(f"Profile {loaded.name} keeps no rosters; add the facet roster to it.")
        return loaded, loaded.profile.roster

    def _change(
        self, profile: str, month: str, decide: Callable[[Book], Book], now: datetime, expected: int = 0
    ) -> Book:
        for _ in range(_TRIES):
            seen = self._books.book(profile, month)
            if expected and seen.version != expected:
                raise Refused(
                    f"The roster of {month} has version {seen.version}, not {expected}; read it again.", code="stale"
                )
            new = replace(decide(seen), version=seen.version + 1)
            if self._books.swap(seen, new):
                self._changed(now)
                return new
        raise Unavailable(f"The roster of {month} is changed by many at once; try again.")

    def _around(self, book: Book) -> Sequence[Book]:
        beside = (self._books.book(book.profile, policy.month_after(book.month, step)) for step in (-1, 1))
        before, after = beside
        return (before, book, after)

    def _is_of(self, loaded: LoadedProfile, who: str) -> None:
        if who not in loaded.lookups.people:
            raise Refused(f"You are not of the desk {loaded.name}; ask its team leader.", code="forbidden")

    def _roles(self, loaded: LoadedProfile, who: str, now: datetime) -> frozenset[str]:
        """What the profile gives the person, and while standing in for somebody theirs too (Q6)."""
        person = loaded.lookups.people.get(who)
        own = frozenset(person.roles) if person else frozenset[str]()
        return own | loaded.roster.acting_roles(who, now)[0]

    def _role(self, loaded: LoadedProfile, roles: Sequence[str], who: str, now: datetime) -> str:
        held = self._roles(loaded, who, now)
        return next((role for role in roles if role in held), "")

    def _one_of(self, loaded: LoadedProfile, roles: Sequence[str], who: str, now: datetime) -> str:
        role = self._role(loaded, roles, who, now)
        if not role:
            raise Refused(
                f"This needs one of the roles: {', '.join(roles)}; ask somebody who has it.", code="forbidden"
            )
        return role


def _faultless(loaded: LoadedProfile, book: Book, work: Sequence[Work]) -> tuple[str, ...]:
    """The warnings of a month without faults; Refused tells the faults."""
    verdict = judge(loaded.profile, book.year, book.number, work)
    if verdict.faults:
        raise Refused(" ".join(verdict.faults), code="conflict", field="roster")
    return verdict.warnings


def _more(book: Book, step: Step) -> tuple[Step, ...]:
    if len(book.history) >= _MOST_STEPS:
        raise Refused(
            f"The roster of {book.month} was changed {_MOST_STEPS} times; leave it as it is.", code="conflict"
        )
    return (*book.history, step)
