"""Tickets told version by version, with a trail, and rules written as in sla.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from services.profile.clocks import ServiceLevels
from services.sla.model import Clock, Facts, Moment, News, Regrade, Rules, TakenBack, Timeline
from services.sla.policy.facts import learn
from services.sla.policy.steps import judge
from tests.sla.world import ALWAYS, OFFICE, T0, M


def written(*clocks: dict[str, Any], version: str = "1", **levels: Any) -> Rules:
    """Rules of a facet; each clock needs a name, start, stop and limit."""
    rows = [{"label": {"zh": each["name"], "en": each["name"]}, "calendar": "always", **each} for each in clocks]
    facet = ServiceLevels.model_validate({"clocks": rows, **levels})
    return Rules(
        clocks=facet.clocks,
        calendars={"office": OFFICE, "always": ALWAYS},
        service_hours="office",
        chain=facet.escalation.chain,
        every=facet.escalation.every,
        chain_calendar=facet.escalation.calendar,
        warn_roles=facet.warn_roles,
        levels=facet,
        version=version,
    )


class Tale:
    """One ticket; every sentence is its next version."""

    def __init__(self, start: datetime = T0, policy: str = "1", **traits: str) -> None:
        self.story: list[News] = []
        self._policy, self._traits = policy, traits
        self._cycle, self._marks, self._flags = 0, {"received": start}, frozenset[str]()
        self._state, self._team, self._grade, self._ended = "new", "", "general", False
        self._promised: datetime | None = None

    def tell(
        self,
        at: datetime | int,
        event: str = "noted",
        *,
        by: str = "staff",
        marks: Iterable[str] = (),
        clears: Iterable[str] = (),
        record: str = "",
        raises: Iterable[str] = (),
        drops: Iterable[str] = (),
        **now: Any,
    ) -> News:
        """The next version at an instant, or so many minutes after T0. `now`: state, team, grade, promised, ended,
        reopened."""
        when = T0 + timedelta(minutes=at) if isinstance(at, int) else at
        version = len(self.story) + 1
        if now.get("reopened"):
            self._cycle, self._marks, self._ended = self._cycle + 1, {"received": self._marks["received"]}, False
        old = self._grade
        self._state, self._team = now.get("state", self._state), now.get("team", self._team)
        self._grade, self._promised = now.get("grade", old), now.get("promised", self._promised)
        self._ended = now.get("ended", self._ended)
        self._flags = (self._flags | frozenset(raises)) - frozenset(drops)
        gone = tuple(
            TakenBack(version, self._cycle, name, self._marks.pop(name), when)
            for name in sorted(clears)
            if name in self._marks
        )
        for name in marks:
            self._marks.setdefault(name, when)
        moment = Moment(
            *(version, when, self._cycle, event, self._state, self._team, by, record),
            flags=tuple(sorted(self._flags)),
            promised_at=self._promised,
        )
        news = News(
            number="DS20250303-000001",
            version=version,
            profile="generic_desk",
            profile_version=self._policy,
            grade=self._grade,
            ended=self._ended,
            cycle=self._cycle,
            milestones=dict(self._marks),
            updated_at=when,
            traits=self._traits,
            regrade=Regrade(version, old, self._grade, when) if old != self._grade and version > 1 else None,
            taken_back=gone,
            promised_at=self._promised,
            moment=moment,
        )
        self.story.append(news)
        return news

    @property
    def facts(self) -> Facts:
        """What all of it adds up to."""
        facts: Facts | None = None
        for news in self.story:
            facts = learn(facts, news)
        assert facts is not None
        return facts


def looked(facts: Facts, by: Rules, *, at: int, before: Timeline | None = None) -> Timeline:
    """Judged so many minutes after T0."""
    return judge(before, facts, by, T0 + at * M, f"look/{at}")


def shown(ticket: Timeline, name: str) -> list[tuple[str, int, int]]:
    """Status, minute of the start and minute it is due, of each generation of a clock."""
    return [(each.status.value, _minute(each.started_at), _minute(each.due_at)) for each in of_name(ticket, name)]


def of_name(ticket: Timeline, name: str) -> list[Clock]:
    """The generations of a clock, oldest first."""
    return sorted((each for each in ticket.clocks if each.name == name), key=lambda each: each.key)


def _minute(at: datetime) -> int:
    return int((at - T0) / M)
