"""From the service-level facets of loaded profiles to rules, made once per profile."""

from __future__ import annotations

from services.profile.calendars import calendars_of
from services.profile.condition_checks import asked_fields
from services.profile.load import LoadedProfile, Profiles
from services.sla.model import Rules


def rules_of(loaded: LoadedProfile) -> Rules:
    """The rules of one profile."""
    levels, catalogue = loaded.profile.sla, loaded.profile.catalogue
    return Rules(
        clocks=tuple(each.model_copy(update={"when": catalogue.widened(each.when)}) for each in levels.clocks),
        calendars=calendars_of(loaded.profile),
        service_hours=loaded.profile.service_hours,
        chain=levels.escalation.chain,
        every=levels.escalation.every,
        chain_calendar=levels.escalation.calendar,
        warn_roles=levels.warn_roles,
        levels=levels,
        version=loaded.version,
        choices=frozenset(asked_fields(loaded.profile)),
    )


class Rulebook:
    """`handlers.RulesFor` over the profiles of this installation.

    Deadlines once given are kept with the ticket (D18); clocks that start later follow the profile as loaded.
    """

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self._made: dict[str, Rules] = {}

    def __call__(self, profile: str, version: str = "") -> Rules:
        """Missing when there is no such profile."""
        rules = self._made.get(profile)
        if rules is None:
            rules = self._made[profile] = rules_of(self._profiles.get(profile))
        return rules
