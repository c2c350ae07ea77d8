"""Does what clocks wait for exist? Milestones, events, records, states, teams and flags of occasions and standings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from services.profile.clocks import Occasion, Standing
from services.profile.faults import Finding, Path, unknown
from services.profile.schema import Profile

PLATFORM_MILESTONES = frozenset({"received", "opened", "responded", "user_confirmed", "called_back", "restored"})
"""Set by the platform itself; every other milestone a clock names must be marked by a transition."""

PLATFORM_EVENTS = frozenset(
    {
        *("opened", "noted", "updated", "graded", "withdrawn", "worked_around", "reopened", "claimed", "called_back"),
        *("assigned", "taken_back", "overflowed", "reassigned", "urged", "departments_set", "linked", "unlinked"),
        *("merged", "contact_joined"),
    }
)
"""What the platform itself says of a ticket, whatever its lifecycle; contact_joined is a further contact (A20)."""


class OccasionChecks:
    """The names of one profile that occasions and standings may use."""

    def __init__(self, profile: Profile) -> None:
        rows = profile.transitions
        self.milestones = PLATFORM_MILESTONES | {mark for row in rows for mark in row.marks}
        self._known: Mapping[str, Iterable[str]] = {
            "event": PLATFORM_EVENTS | {row.event for row in rows} | {form.event for form in profile.records},
            "record": [form.key for form in profile.records],
            "state": {state for flow in profile.lifecycles.values() for state in flow.states},
            "team": [team.id for team in profile.organisation.teams],
            "flag": ["major", *(flag.key for flag in profile.flags)],
        }

    def occasion(self, occasion: Occasion, path: Path) -> Iterator[Finding]:
        """Every name of an occasion that nothing carries."""
        milestone = occasion.milestone
        if milestone is not None and milestone not in self.milestones:
            names = ", ".join(sorted(self.milestones))
            yield path, f'no transition marks the milestone "{milestone}"; mark it or name one of: {names}'
        yield from self._names(occasion, ("event", "record", "state", "team", "flag"), path)

    def standing(self, standing: Standing, path: Path) -> Iterator[Finding]:
        """Every name of a standing that nothing carries."""
        yield from self._names(standing, ("state", "team", "flag"), path)

    def _names(self, facet: Occasion | Standing, kinds: Iterable[str], path: Path) -> Iterator[Finding]:
        for kind in kinds:
            for index, name in enumerate(getattr(facet, kind)):
                if name not in self._known[kind]:
                    yield unknown((*path, kind, index), kind, name, self._known[kind])
