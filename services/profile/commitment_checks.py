"""Do promises name what the profile has: calendars, roles, flags?"""

from __future__ import annotations

from collections.abc import Iterator

from services.profile.faults import Finding, Path, duplicates, unknown
from services.profile.schema import Profile

_ALWAYS = "always"


def check_commitments(profile: Profile) -> Iterator[Finding]:
    """Every fault of `sla.commitments`."""
    promises = profile.sla.commitments
    here: Path = ("sla", "commitments")
    calendars, roles = {_ALWAYS, *profile.calendars}, frozenset(profile.roles)
    flags = {each.key for each in profile.flags}
    yield from duplicates((*here, "kinds"), "kind of promise", [each.key for each in promises.kinds])
    if not promises.kinds:
        return
    for index, kind in enumerate(promises.kinds):
        place: Path = (*here, "kinds", index)
        if kind.calendar not in calendars:
            yield unknown((*place, "calendar"), "calendar", kind.calendar, calendars)
        if kind.working_days is not None and kind.working_days not in calendars:
            yield unknown((*place, "working_days"), "calendar", kind.working_days, calendars)
        for field, named in (("roles", kind.roles), ("owners", kind.owners)):
            for position, role in enumerate(named):
                if role not in roles:
                    yield unknown((*place, field, position), "role", role, roles)
        if kind.remind is not None and kind.remind.before is not None and kind.remind.before.working_days:
            yield (*place, "remind", "before"), "a reminder stands a length of wall clock before; write h or m, no wd"
    if promises.remind.before is not None and promises.remind.before.working_days:
        yield (*here, "remind", "before"), "a reminder stands a length of wall clock before; write h or m, no wd"
    # The roles that stand here by themselves need not be in every profile; those that were written must.
    for field, named in (("roles", promises.roles), ("authority", promises.authority.roles)):
        written = field in promises.model_fields_set
        for position, role in enumerate(named):
            if written and role not in roles:
                path = (*here, field, position) if field == "roles" else (*here, field, "roles", position)
                yield unknown(path, "role", role, roles)
    for position, flag in enumerate(promises.authority.flags):
        if flag not in flags:
            yield unknown((*here, "authority", "flags", position), "flag", flag, flags)
