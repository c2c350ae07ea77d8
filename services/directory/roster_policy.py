"""Judgement about rosters: when they are due, who may ask for what, who decides, what a decision changes. Pure.

Requests go requested -> checked -> approved or refused (section 5.12); nobody decides about themselves (M5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from services.directory.roster_limits import (
    HOUR,
    Wish,
    bounded,
    covered,
    crowded_shift,
    days_between,
    in_time,
    insisted,
    over_quota,
    rested,
)
from services.directory.roster_model import Book, Request, Step
from services.kernel.errors import Refused
from services.profile.duty import midnight
from services.profile.roster import RosterRules
from services.profile.schema import Profile
from services.profile.shifts import Work, rules_of

_LONGEST_DAYS = 366


def month_after(month: str, months: int = 1) -> str:
    """ "2025-12" and 1 to "2026-01"."""
    count = int(month[:4]) * 12 + int(month[5:]) - 1 + months
    return f"{count // 12:04}-{count % 12 + 1:02}"


def months_of_leave(month: str) -> tuple[str, ...]:
    """Months before the one before, in which a leave may have begun that has not ended: one takes a year at most."""
    return tuple(month_after(month, step) for step in range(-13, -1))


def due_at(rules: RosterRules, month: str, zone: ZoneInfo) -> datetime:
    """End of the day by which the month's roster must be filed (M1)."""
    before = month_after(month, -1)
    day = date(int(before[:4]), int(before[5:]), rules.filing.day) + timedelta(days=1)
    return datetime.fromtimestamp(midnight(day, zone), zone)


def filing_news(rules: RosterRules, book: Book, now: datetime, zone: ZoneInfo) -> tuple[str, ...]:
    """What the stream must hear about an unfiled month and has not yet: a reminder on the day, then a breach (M1)."""
    if book.state == "filed":
        return ()
    due = due_at(rules, book.month, zone)
    owed = [("roster_due", due - timedelta(days=1)), ("roster_overdue", due)]
    return tuple(name for name, at in owed if now >= at and name not in book.told)


def uncovered(book: Book, now: datetime) -> tuple[Request, ...]:
    """Leave under way that nobody covers and the stream has not heard of: a post is empty (防止空岗, M17)."""
    moment = now.timestamp()
    return tuple(
        each
        for each in book.requests
        if each.kind == "leave" and each.state == "approved" and not each.other
        if each.start <= moment < each.end and each.id not in book.told
    )


def leave(
    profile: Profile, books: Sequence[Book], wish: Wish, start: datetime, end: datetime, other: str, extended: str = ""
) -> Request:
    """A checked request for leave, or Refused with everything a form would say (M7 to M9, M17, M18)."""
    rules = rules_of(profile)
    zone = ZoneInfo(profile.profile.timezone)
    first, last = int(start.timestamp()), int(end.timestamp())
    if not first < last <= first + _LONGEST_DAYS * 86_400:
        raise Refused("The leave ends before it begins or lasts over a year; correct its times.", field="end")
    requests = _requests(books)
    bounded(requests, wish.person)
    in_time(wish, first, rules.leave.notice_days, zone, extended, requests)
    covered(profile, requests, wish, first, last, other)
    for each in requests:
        if each.lives and each.kind == "leave" and each.person == wish.person and each.overlaps(first, last):
            raise Refused(
                f"You are away then already ({each.id}); ask for the time that is not covered.", field="start"
            )
    long = last - first >= rules.leave.half_day_hours * HOUR
    days = len(days_between(first, last, zone)) if long else 0
    over = over_quota(rules, requests, wish.person, first, last, zone) if days else 0
    flags = [flag for flag, set_ in (("acute", wish.acute), ("uncovered", not other)) if set_]
    steps: tuple[str, ...] = (rules.leave.approver,)
    if long and rules.leave.half_day_approver:
        steps = (rules.leave.half_day_approver,)
    if over or days > rules.leave.long_days:
        flags.append("over_quota" if over else "long_absence")
        steps = rules.leave.beyond or steps
        if not wish.evidence:
            raise Refused(
                f"Beyond {rules.leave.per_month_days} days in a month, or {rules.leave.long_days} at a time, a leave "
                "needs a special reason and its evidence; add a reference to it.",
                field="evidence",
            )
    steps = _askable(profile, (wish.person, other), steps, rules.leave.instead)
    crowded = crowded_shift(rules, books, requests, wish.person, first, last)
    flags += insisted(rules, crowded, wish)
    yuan = over * rules.leave.over_quota_yuan_per_day + (rules.shift_limit.second_yuan if crowded else 0)
    return _checked(
        Request(wish.id, "leave", wish.person, other, first, last, "checked", steps, wish.reason, wish.evidence),
        flags,
        yuan,
        days,
        wish,
    )


def swap(
    profile: Profile, books: Sequence[Book], book: Book, wish: Wish, shift: str, partner: str, theirs: str
) -> Request:
    """A requested swap that waits for the partner's word, or Refused (M5 to M8, X19)."""
    rules, zone = rules_of(profile), ZoneInfo(profile.profile.timezone)
    if book.state != "filed":
        raise Refused(
            f"The roster of {book.month} is not filed yet; ask its maker to change the draft.", code="conflict"
        )
    mine, other = _parts(book, wish.person, partner, shift, theirs)
    requests = _requests(books)
    bounded(requests, wish.person)
    in_time(wish, min(each.start for each in (mine, other) if each), rules.swap.notice_days, zone, "", requests)
    for person in (wish.person, partner):
        used = [
            each for each in book.requests if each.lives and each.kind == "swap" and person in (each.person, each.other)
        ]
        if len(used) >= rules.swap.per_month:
            raise Refused(
                f"{person} has swapped {len(used)} times in {book.month}, and {rules.swap.per_month} are allowed "
                "(每月换班不超过两次); ask for leave instead.",
                code="conflict",
            )
    flags = ["acute"] if wish.acute else []
    if not rested(rules, books, exchanged(book, mine, other, partner), (wish.person, partner)):
        if rules.swap.consecutive == "refuse":
            raise Refused(
                "After this swap somebody would work shifts without a rest (严禁连续上班); choose another shift."
            )
        if rules.swap.consecutive == "personal_leave":
            flags.append("personal_leave")
    crowded = crowded_shift(rules, books, requests, wish.person, mine.start, mine.end)
    flags += insisted(rules, crowded, wish)
    hours = max(each.end - each.start for each in (mine, other) if each) / HOUR
    approver = rules.swap.half_day_approver if hours >= rules.swap.half_day_hours else None
    return _checked(
        Request(
            wish.id,
            "swap",
            wish.person,
            partner,
            mine.start,
            mine.end,
            "requested",
            _askable(profile, (wish.person, partner), (approver or rules.swap.approver,), rules.swap.instead),
            wish.reason,
            wish.evidence,
            shift,
            theirs,
        ),
        flags,
        rules.shift_limit.second_yuan if crowded else 0,
        0,
        wish,
    )


def decided(request: Request, person: str, roles: frozenset[str], agree: bool, why: str, now: datetime) -> Request:
    """The request after a word of the partner, of an approver or of the person who asked (to withdraw it)."""
    if request.state not in ("requested", "checked"):
        raise Refused(f"Request {request.id} is {request.state} already and stays so; make a new one.", code="conflict")
    if person == request.person:
        if agree:
            raise Refused("Nobody approves their own request (不得自行换班); ask the approver.", code="forbidden")
        return _after(request, "withdrawn", request.steps, Step(now, person, "", "withdrawn", why))
    if not agree and not why:
        raise Refused("A refusal says why; give the reason.", field="reason")
    if request.state == "requested":
        if person != request.other:
            raise Refused(f"First {request.other} must agree to the swap; ask them.", code="forbidden")
        state, what = ("checked", "agreed") if agree else ("refused", "refused")
        return _after(request, state, request.steps, Step(now, person, "partner", what, why))
    if person == request.other:
        raise Refused("The partner of a request does not approve it; ask the approver.", code="forbidden")
    role = request.steps[0]
    if role not in roles:
        raise Refused(f"This request waits for the {role}; ask somebody with that role.", code="forbidden")
    if any(step.by == person and step.what == "approved" for step in request.history):
        raise Refused("You have agreed already; the second consent is another person's.", code="forbidden")
    if not agree:
        return _after(request, "refused", request.steps, Step(now, person, role, "refused", why))
    left = request.steps[1:]
    return _after(request, "checked" if left else "approved", left, Step(now, person, role, "approved", why))


def with_request(book: Book, request: Request) -> Book:
    """The book with the request as it stands now; an approved swap changes the roster (M5)."""
    known = {each.id: each for each in book.requests}
    before = known.get(request.id)
    known[request.id] = request
    changed = replace(book, requests=tuple(known.values()))
    if request.state != "approved" or (before is not None and before.state == "approved"):
        return changed
    step = request.history[-1]
    if request.kind == "swap":
        mine, other = _parts(book, request.person, request.other, request.shift, request.other_shift)
        changed = replace(changed, work=exchanged(book, mine, other, request.other))
    return replace(changed, history=(*changed.history, replace(step, what=f"{request.kind} {request.id}")))


def exchanged(book: Book, mine: Work, other: Work | None, partner: str) -> tuple[Work, ...]:
    """The shifts of the book after a swap; the post stays with its place."""
    turned = {id(mine): replace(mine, person=partner)}
    if other is not None:
        turned[id(other)] = replace(other, person=mine.person)
    return tuple(turned.get(id(each), each) for each in book.work)


def _parts(book: Book, person: str, partner: str, shift: str, theirs: str) -> tuple[Work, Work | None]:
    if partner == person:
        raise Refused("A swap is with somebody else; name the partner.", field="partner")
    mine = book.shift(shift, person)
    if mine is None:
        raise Refused(f"{person} has no part in shift {shift}; look at the roster.", field="shift")
    other = book.shift(theirs, partner) if theirs else None
    if theirs and other is None:
        raise Refused(f"{partner} has no part in shift {theirs}; look at the roster.", field="partner_shift")
    posts = {(each.pattern, each.post) for each in book.work if each.person == partner}
    backs = {(each.pattern, each.post) for each in book.work if each.person == person}
    if (mine.pattern, mine.post) not in posts or (other is not None and (other.pattern, other.post) not in backs):
        raise Refused("Only people of the same post may swap (岗位一致); choose another partner.", field="partner")
    if book.shift(shift, partner) is not None:
        raise Refused(f"{partner} works shift {shift} too; choose another partner.", field="partner")
    return mine, other


def _askable(profile: Profile, concerned: Sequence[str], steps: Sequence[str], instead: str | None) -> tuple[str, ...]:
    """The roles to ask: one that nobody but the people concerned holds is replaced (M5)."""
    held = {role for person in profile.organisation.people if person.id not in concerned for role in person.roles}
    return tuple(dict.fromkeys(role if role in held or instead is None else instead for role in steps))


def _requests(books: Sequence[Book]) -> list[Request]:
    return [request for book in books for request in book.requests]


def _checked(request: Request, flags: Sequence[str], yuan: int, days: int, wish: Wish) -> Request:
    asked = Step(wish.now, wish.person, "", "requested", wish.reason)
    history = (asked, Step(wish.now, "service:directory", "system", "checked", ", ".join(flags)))
    return replace(request, flags=tuple(flags), deduction_yuan=yuan, days=days, history=history)


def _after(request: Request, state: str, steps: tuple[str, ...], step: Step) -> Request:
    return replace(request, state=state, steps=steps, history=(*request.history, step))  # type: ignore[arg-type]
