"""Leave that runs over months."""

from __future__ import annotations

from services.directory.feeds import as_ics
from tests.directory.roster_world import World, at


def test_a_leave_of_months_is_followed_to_its_end(world: World) -> None:
    """M21, M28: the substitute stands in until it is over, however long ago it was asked for."""
    asked = world.leave("li.wei", "2025-03-10T00:00", "2025-06-20T00:00", "zhou.min", evidence="archive:4")
    for role in asked.steps:
        people = world.loaded.profile.organisation.people
        agreeing = next(each.id for each in people if role in each.roles and each.id not in ("li.wei", "zhou.min"))
        asked = world.decide(asked, agreeing)
    assert asked.state == "approved"
    for day, standing in (("2025-03-10", "zhou.min"), ("2025-06-19", "zhou.min"), ("2025-06-20", "li.wei")):
        world.now = at(f"{day}T00:00")
        world._followed(world.now)
        assert world.duty.stand_in("li.wei", at(f"{day}T09:00")) == standing
    calendar = as_ics(
        world.loaded,
        [world.filed("2025-06").store.book("itss_desk", "2025-06")],
        {"li.wei"},
        world.now,
        world.store.requests("itss_desk", ("2025-03",)),
    )
    begins = sorted(line for line in calendar.decode().splitlines() if line.startswith("DTSTART"))
    assert begins[0] >= "DTSTART:20250619T160000Z"
