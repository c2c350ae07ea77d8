"""What report readers ask: a report, the records behind a figure, the wallboard, rows to export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from services.kernel.errors import Missing, Refused, Unavailable
from services.profile.schema import Profile
from services.reporting.definitions import BY_KEY
from services.reporting.figures import Figure, Sums, figures, percent, source_of
from services.reporting.handlers import Store, Views
from services.reporting.model import DAY_US, Contact, Facts
from services.reporting.periods import Period, midnight, parse
from services.reporting.policy import SATISFACTION, Record, contact_records, ticket_records
from services.reporting.tally import Months, total
from services.reporting.wallboard import Board, board

TREND_PERIODS = 3
"""A trend looks at this many periods of a kind: the one asked for and those before it (N10)."""

MOST_PROFILES = 20
"""How many profiles one report adds up."""

_READS = 5
T = TypeVar("T")

_CONTACT_FIGURES = frozenset({"contacts", "connection_rate", "service_level"})


class ProfileNamed(Protocol):
    """A profile as it was loaded."""

    @property
    def profile(self) -> Profile: ...


class Profiles(Protocol):
    """The profiles of this installation; the default one for an empty name, Missing for an unknown."""

    def get(self, name: str) -> ProfileNamed: ...


@dataclass(frozen=True, slots=True)
class Share:
    """So many of all, by "channel", "type", "neutral_type", "entry", "contact_channel", "channel_type" or by team:
    "team_accepted", "team_on_time", "team_overdue" (C26); "promise_kept", "promise_late", "promise_broken" and the
    same of "measure_", by owner, in the period in which they were due (D8, H17).

    The last has keys such as "im/incident", and is a share of that channel.
    """

    by: str
    key: str
    count: int
    percent: str


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a profile over a period."""

    profile: str
    period: Period
    part: bool
    figures: tuple[Figure, ...]
    shares: tuple[Share, ...]
    tickets: int
    contacts: int
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One record behind a figure."""

    at: int
    of: Facts | Contact

    @property
    def order(self) -> tuple[int, str]:
        """By time, then by number."""
        return self.at, self.of.number if isinstance(self.of, Facts) else self.of.id


class Reader:
    """Answers from the current generation; nothing is recalculated by today's policy but targets and scales (D21)."""

    def __init__(self, store: Store, profiles: Profiles, channel_name: Callable[[int], str]) -> None:
        self._store = store
        self._profiles = profiles
        self._channel_name = channel_name

    def report(self, profile: str, label: str, language: str, now: datetime) -> Report:
        """Every figure of the period. Raises Refused for a label that names none, Missing for an unknown profile.

        Several profiles, "one,other", are added up: counts and shares (by neutral type, B3), and the figures that mean
        the same everywhere. Targets and satisfaction are each profile's own and are left out.
        """
        several = [self._profiles.get(name.strip()).profile for name in profile.split(",")[:MOST_PROFILES]]
        rules = several[0]
        _, zone, today = _of(rules, now)
        names = tuple(dict.fromkeys(each.profile.name for each in several))
        name, alone = ",".join(names), len(names) == 1
        period = parse(label, today)
        periods = [period]
        while len(periods) < TREND_PERIODS and (before := periods[0].before()):
            periods.insert(0, before)
        months = self._steady(
            lambda views: self._counted(views, Months(periods, zone, rules.kpi.answer_seconds), names)
        )
        sums = Sums(period, months.within(period), [months.within(each) for each in periods[:-1]])
        whole = total(sums.months)
        scale = rules.survey.scale if rules.survey and alone else ""
        kpi = rules.kpi if alone else rules.kpi.model_copy(update={"targets": ()})
        return Report(
            name,
            period,
            period.is_part(today),
            tuple(figures(sums, kpi, scale, language or rules.profile.language)),
            tuple(_shares(whole.shares)),
            whole.of("volume")[1],
            whole.of("contacts")[1],
            now,
        )

    def lines(self, profile: str, label: str, figure: str, *, numerator: bool, now: datetime) -> list[Line]:
        """The records behind a figure, oldest first; those of the numerator only, if so asked (N20)."""
        rules = self._profiles.get(profile).profile
        name, zone, today = _of(rules, now)
        scale = rules.survey.scale if rules.survey else ""
        if figure not in BY_KEY and not figure.startswith(SATISFACTION):
            raise Missing(f'There is no figure "{figure}"; name one of: {", ".join(BY_KEY)}.')
        source = source_of(figure, scale)
        first, after = parse(label, today).bounds(zone)

        def counts(record: Record) -> bool:
            return record.figure == source and first <= record.at < after and (bool(record.numerator) or not numerator)

        def found(views: Views) -> list[Line]:
            lines: list[Line] = []
            if figure in _CONTACT_FIGURES:
                for contact in self._contacts(views, (name,), first, after):
                    records = contact_records(contact, rules.kpi.answer_seconds)
                    lines.extend(Line(record.at, contact) for record in records if counts(record))
            else:
                for facts in self._tickets(views, (name,), first, after):
                    lines.extend(Line(record.at, facts) for record in ticket_records(facts) if counts(record))
            return lines

        return sorted(self._steady(found), key=lambda line: line.order)

    def received(self, profile: str, label: str, now: datetime) -> Iterator[Facts]:
        """The tickets received in a period, one after the other, in no order.

        Raises Unavailable in the middle when a rebuild took their place: a file that is short must not look whole.
        """
        rules = self._profiles.get(profile).profile
        name, zone, today = _of(rules, now)
        first, after = parse(label, today).bounds(zone)
        views = self._store.current()
        for facts in self._tickets(views, (name,), first, after):
            if facts.snapshot is not None and first <= facts.snapshot.received < after:
                yield facts
        if self._store.current().generation != views.generation:
            raise Unavailable("The figures were made anew while they were read: ask again.")

    def wallboard(self, profile: str, now: datetime) -> Board:
        """The desk this instant (N23)."""
        rules = self._profiles.get(profile).profile
        name, zone, today = _of(rules, now)
        span = midnight(today, zone), midnight(today + timedelta(days=1), zone)

        def facts(views: Views) -> dict[str, Facts]:
            today = views.tickets.on_days(span[0] // DAY_US, (span[1] - 1) // DAY_US)
            return {key: each for bucket in chain(views.tickets.live(), today) for key, each in bucket.entries.items()}

        return board(self._steady(facts).values(), name, span, self._channel_name)

    def profile(self, name: str) -> Profile:
        """The profile of that name, the default one for an empty name."""
        return self._profiles.get(name).profile

    def _steady(self, read: Callable[[Views], T]) -> T:
        """What is read from one generation as a whole: a rebuild drops the old one, maybe while somebody reads it."""
        for _ in range(_READS):
            views = self._store.current()
            found = read(views)
            if self._store.current().generation == views.generation:
                return found
        raise Unavailable("The figures are being made anew over and over: ask again in a moment.")

    def _counted(self, views: Views, months: Months, profiles: tuple[str, ...]) -> Months:
        first, after = months.bounds
        name = self._channel_name
        for facts in self._tickets(views, profiles, first, after):
            months.add_ticket(facts, name(facts.snapshot.channel) if facts.snapshot else "")
        for contact in self._contacts(views, profiles, first, after):
            months.add_contact(contact, name(contact.channel))
        return months

    @staticmethod
    def _tickets(views: Views, profiles: tuple[str, ...], first: int, after: int) -> Iterator[Facts]:
        for bucket in views.tickets.on_days(first // DAY_US, (after - 1) // DAY_US):
            for facts in bucket.entries.values():
                if facts.snapshot is not None and facts.snapshot.profile in profiles:
                    yield facts

    def _contacts(self, views: Views, profiles: tuple[str, ...], first: int, after: int) -> Iterator[Contact]:
        default = self._profiles.get("").profile.profile.name
        for bucket in views.contacts.on_days(first // DAY_US, (after - 1) // DAY_US):
            for contact in bucket.entries.values():
                # A call that never reached a desk's line names no profile.
                if (contact.profile or default) in profiles:
                    yield contact


def _of(rules: Profile, now: datetime) -> tuple[str, ZoneInfo, date]:
    zone = ZoneInfo(rules.profile.timezone)
    return rules.profile.name, zone, now.astimezone(zone).date()


def _shares(counts: Mapping[tuple[str, str], int]) -> Iterator[Share]:
    sums: dict[tuple[str, str], int] = {}
    for (by, key), count in counts.items():
        group = (by, key.partition("/")[0] if by == "channel_type" else "")
        sums[group] = sums.get(group, 0) + count
    for (by, key), count in sorted(counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1])):
        group = (by, key.partition("/")[0] if by == "channel_type" else "")
        yield Share(by, key, count, percent(count, sums[group]))


def at(instant: int) -> datetime:
    """An instant in microseconds as an aware time."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=instant)


def page(lines: list[Line], size: int, token: str) -> tuple[list[Line], str]:
    """One page and the token of the next; raises Refused for a token that is none."""
    if token and not token.isdecimal():
        raise Refused("The page token is none of ours: take it from the answer before.", field="page_token")
    start = int(token or 0)
    size = min(max(size, 0) or 100, 1000)
    return lines[start : start + size], str(start + size) if start + size < len(lines) else ""
