"""The rules that judge a ticket: those of the policy version it was opened under, as long as they are known (D18)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from services.kernel.errors import Missing, Refused
from services.profile.calendars import business_calendar
from services.profile.clocks import Alarm, CalendarChoice, ChainChoice, LimitRow, ServiceLevels
from services.profile.condition_checks import asked_fields
from services.profile.conditions import Condition
from services.profile.load import LoadedProfile, Profiles
from services.profile.schema import Calendar
from services.sla.model import Rules

MOST_BYTES = 4_000_000
MOST_KEPT_READY = 64
ASK_AGAIN_SECONDS = 30.0
"""How long a version that was not found is not asked for again: a process of a newer release may bring it."""

_CALENDARS = TypeAdapter(dict[str, Calendar])
_When = TypeVar("_When", bound=Condition)
_Row = TypeVar("_Row", LimitRow, ChainChoice, Alarm, CalendarChoice)


@dataclass(frozen=True, slots=True)
class Book:
    """What clocks need of one version of a profile, as it stood in its files."""

    profile: str
    version: str
    text: str
    """JSON: sla, calendars, below (entries to those below them), timezone, service_hours, choices."""


class Books(Protocol):
    """Where every version that was in force is kept."""

    def keep(self, books: Iterable[Book]) -> None:
        """Keeps those that are not there yet."""
        ...

    def book(self, profile: str, version: str) -> Book | None:
        """That version, None when it was never kept."""
        ...


def book_of(loaded: LoadedProfile) -> Book:
    """What to keep of a loaded profile. Raises Refused when it is larger than can be kept."""
    profile = loaded.profile
    below = {each.key: list(profile.catalogue.below((each.key,))) for each in profile.entries}
    text = json.dumps(
        {
            "sla": loaded.facets.get("sla", {}),
            "calendars": loaded.facets.get("calendars", {}),
            "below": {key: under for key, under in below.items() if under != [key]},
            "timezone": profile.profile.timezone,
            "service_hours": profile.service_hours,
            "choices": sorted(asked_fields(profile)),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )
    if len(text.encode()) > MOST_BYTES:
        raise Refused(
            f'The clocks and calendars of profile "{loaded.name}" take more than {MOST_BYTES} bytes; split the profile.'
        )
    return Book(loaded.name, loaded.version, text)


def rules_from(book: Book) -> Rules:
    """The rules of a kept version. Raises ValueError when this release no longer understands it."""
    kept = json.loads(book.text)
    levels = _widened(ServiceLevels.model_validate(kept["sla"]), kept["below"])
    calendars = _CALENDARS.validate_python(kept["calendars"])
    zone = kept["timezone"]
    return Rules(
        clocks=levels.clocks,
        calendars={
            name: business_calendar(name, facet, facet.timezone or zone, calendars) for name, facet in calendars.items()
        },
        service_hours=kept["service_hours"],
        chain=levels.escalation.chain,
        every=levels.escalation.every,
        chain_calendar=levels.escalation.calendar,
        warn_roles=levels.warn_roles,
        levels=levels,
        version=book.version,
        choices=frozenset(kept["choices"]),
    )


def rules_of(loaded: LoadedProfile) -> Rules:
    """The rules of one profile."""
    return rules_from(book_of(loaded))


class Rulebook:
    """`handlers.RulesFor` over the profiles of this installation and the versions of them that were in force before."""

    def __init__(
        self, profiles: Profiles, books: Books | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._profiles = profiles
        self._books = books
        self._monotonic = monotonic
        self._loaded: dict[str, Rules] = {}
        self._known: dict[tuple[str, str], Rules] = {}
        self._unknown: dict[tuple[str, str], float] = {}

    def __call__(self, profile: str, version: str = "") -> Rules:
        """Rules of that version; of the loaded one when it is not known, which `Rules.version` tells.

        Missing when there is no such profile, Unavailable while kept versions cannot be read.
        """
        rules = self._loaded.get(profile)
        if rules is None:
            loaded = self._profiles.get(profile)
            rules = self._loaded[profile] = self._ready(rules_of(loaded), loaded.name)
        if not version or version == rules.version:
            return rules
        return self._of(profile, version) or rules

    def book(self, profile: str, version: str = "") -> Book:
        """What is kept of a version; of the loaded one with "". Missing when it was never in force here."""
        loaded = self._profiles.get(profile)
        if version in ("", loaded.version):
            return book_of(loaded)
        book = self._books.book(loaded.name, version) if self._books is not None else None
        if book is None:
            raise Missing(
                f'Version "{version[:60]}" of {loaded.name} was never in force here; a ticket tells its own as '
                f"policyVersion, and {loaded.version} is in force now."
            )
        return book

    def roles_of(self, profile: str, person: str) -> frozenset[str] | None:
        """Roles of one of the profile's people; None for anybody else."""
        found = self._profiles.get(profile).lookups.people.get(person)
        return frozenset(found.roles) if found is not None else None

    def keep(self) -> None:
        """Keeps the loaded versions for the tickets they judge; once at the start of a process."""
        if self._books is not None:
            self._books.keep([book_of(each) for each in self._profiles])

    def _of(self, profile: str, version: str) -> Rules | None:
        key = (profile, version)
        known = self._known.get(key)
        if known is not None or self._books is None:
            return known
        now = self._monotonic()
        if now < self._unknown.get(key, now):
            return None
        book = self._books.book(self._profiles.get(profile).name, version)
        rules = self._understood(book) if book is not None else None
        if rules is None:
            _bound(self._unknown)
            self._unknown[key] = now + ASK_AGAIN_SECONDS
            return None
        _bound(self._known)
        ready = self._known[key] = self._ready(rules, profile)
        return ready

    def _ready(self, rules: Rules, profile: str) -> Rules:
        """The rules, from which those of other versions of the profile are found."""
        object.__setattr__(rules, "other", lambda version: self._other(profile, version))
        return rules

    def _other(self, profile: str, version: str) -> Rules | None:
        found = self(profile, version)
        return found if found.version == version else None

    @staticmethod
    def _understood(book: Book) -> Rules | None:
        try:
            return rules_from(book)
        except (ValidationError, ValueError, KeyError):
            # Written by a release whose rules this one does not know: as a version never kept.
            return None


def _bound(kept: dict[tuple[str, str], Any]) -> None:
    """Room for one more: the one longest there goes."""
    if len(kept) >= MOST_KEPT_READY:
        kept.pop(next(iter(kept)), None)


def _widened(levels: ServiceLevels, below: Mapping[str, list[str]]) -> ServiceLevels:
    """The levels with every condition on an entry holding for those below it as well (A18)."""

    def wide(when: _When) -> _When:
        if not when.entry:
            return when
        entries = dict.fromkeys(each for entry in when.entry for each in (entry, *below.get(entry, ())))
        return when.model_copy(update={"entry": tuple(entries)})

    def each(rows: tuple[_Row, ...]) -> tuple[_Row, ...]:
        return tuple(row.model_copy(update={"when": wide(row.when)}) for row in rows)

    clocks = tuple(
        rule.model_copy(update={"when": wide(rule.when), "limits": each(rule.limits)}) for rule in levels.clocks
    )
    return levels.model_copy(
        update={
            "clocks": clocks,
            "escalation": levels.escalation.model_copy(update={"chains": each(levels.escalation.chains)}),
            "alarms": each(levels.alarms),
            "calendars": each(levels.calendars),
        }
    )
