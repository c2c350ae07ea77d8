"""Making and filing a month, and the duty it gives; on memory and on the real database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from services.contracts.deskstream.v1 import roster_pb2
from services.directory.roster_months import Change
from services.directory.roster_wire import vacancies
from services.kernel.errors import Missing, Refused, Unavailable
from services.profile.load import restore
from services.runtime.duty_feed import table_from, table_to
from tests.directory.roster_world import World, at


def test_a_month_is_made_filed_and_followed_from_its_first_second(world: World) -> None:
    """M1, M2, M28: time, version and who are kept with the filing."""
    world.make("2025-04")
    filed = world.file("2025-04")
    assert (filed.state, filed.filed_by, filed.filed_at, filed.filed_version) == ("filed", "wang.fang", world.now, 2)
    assert world.present("2025-03-31T23:59", "emergency") == {"wu.hao"}
    on_night = {each.person for each in filed.work if each.key == "2025-04-01/night/monitoring"}
    assert world.present("2025-04-01T20:00", "emergency") == on_night
    assert len(on_night) == 3


def test_the_night_shift_before_a_filed_month_runs_into_it(world: World) -> None:
    world.make("2025-04")
    world.file("2025-04")
    assert len(world.present("2025-04-01T03:00", "monitoring")) == 3


def test_only_makers_of_the_profile_make_and_file(world: World) -> None:
    """M1: the roles come from the profile."""
    with pytest.raises(Refused, match="team_leader, supervisor, desk_manager"):
        world.make(who="li.wei")
    world.make()
    with pytest.raises(Refused, match="one of the roles"):
        world.file(who="li.wei")


def test_a_month_with_faults_is_not_filed_until_they_are_mended(world: World) -> None:
    """M3."""
    key = "2025-03-09/night/monitoring"
    gone = next(each for each in world.make().work if each.key == key and each.post == "info")
    world.make("2025-03", Change(key, gone.person), keep=True)
    with pytest.raises(Refused, match="0 of 1 info"):
        world.file()
    world.make("2025-03", Change(key, add=gone.person, post="info"), keep=True)
    assert world.file().state == "filed"


def test_unknown_people_and_shifts_are_refused_with_their_place(world: World) -> None:
    world.make()
    for change, field in (
        (Change("2025-03-09/night/monitoring", add="nobody"), "changes[0].add"),
        (Change("2025-03-09/noon/monitoring", add="li.wei"), "changes[0].shift"),
        (Change("2025-04-09/night/monitoring", add="li.wei"), "changes[0].shift"),
        (Change("tomorrow", add="li.wei"), "changes[0].shift"),
        (Change("2025-03-09/night/monitoring", remove="li.wei"), "changes[0].remove"),
    ):
        with pytest.raises(Refused) as refused:
            world.make("2025-03", change, keep=True)
        assert refused.value.field == field


def test_overlapping_shifts_of_one_person_are_not_filed(world: World) -> None:
    world.make("2025-03", Change("2025-03-05/day/monitoring", add="li.wei"))
    with pytest.raises(Refused, match=r"li\.wei has two shifts at once"):
        world.file()


def test_a_short_service_needs_the_consent_of_the_department_manager(world: World) -> None:
    """M4: 连续服务周期不少于一周."""
    days = [
        day for day in world.on_shift_of("li.wei") if day not in ("2025-03-12/office/desk", "2025-03-13/office/desk")
    ]
    world.make("2025-03", *(Change(day, "li.wei") for day in days), keep=True)
    with pytest.raises(Refused, match="operations_manager"):
        world.file()
    with pytest.raises(Refused, match="operations_manager"):
        world.file(consent="a training")
    filed = world.file(consent="a training", who="zhao.gang")
    assert (filed.history[-1].by, filed.history[-1].why) == ("zhao.gang", "a training")


def test_a_filed_roster_changes_only_with_a_reason_and_by_somebody_it_does_not_concern(world: World) -> None:
    """M5: 不得自行换班."""
    world.filed()
    with pytest.raises(Refused, match="is filed"):
        world.make()
    with pytest.raises(Refused, match="不得自行换班"):
        world.make("2025-03", Change("2025-03-12/office/desk", "wang.fang"), keep=True)
    changed = world.make("2025-03", Change("2025-03-12/office/desk", "zhou.min"), keep=True)
    assert changed.state == "filed"
    assert "zhou.min" not in world.present("2025-03-12T10:00")


def test_two_makers_at_once_are_told_of_each_other(world: World) -> None:
    book = world.make()
    with pytest.raises(Refused) as refused:
        world.rosters.make("itss_desk", "2025-03", (), False, book.version + 1, "", "wang.fang", world.now)
    assert refused.value.code == "stale"


@pytest.mark.parametrize("month", ["2025-13", "2025-3", "next", "1999-01", "2025-02"])
def test_what_is_no_month_or_is_over_is_refused(world: World, month: str) -> None:
    with pytest.raises(Refused):
        world.make(month)


def test_a_profile_without_rosters_says_so(world: World) -> None:
    with pytest.raises(Missing):
        world.rosters.get("generic_desk", "2025-03", world.now)


def test_an_unfiled_month_is_reminded_of_on_the_25th_and_a_breach_after_it_each_once(world: World) -> None:
    """M1: 每月25日之前, 备案."""
    told: list[str] = []
    for day in (24, 25, 25, 26, 27):
        world.now = at(f"2025-03-{day}T00:00")
        told += [f"{day} {said.key}" for said in world.board.tick(world.now)]
    assert told == ["25 directory.roster_due", "26 directory.roster_overdue"]


def test_a_filed_month_is_not_reminded_of(world: World) -> None:
    world.filed("2025-04")
    world.board.tick(world.now)
    world.now = at("2025-03-28T00:00")
    assert world.board.tick(world.now) == []


def test_a_crash_before_the_confirm_says_the_same_words_again(world: World) -> None:
    """T3."""
    world.now = at("2025-03-25T08:00")
    first = world.board.tick(world.now)
    restarted = replace(world, now=world.now + timedelta(minutes=3))
    again = restarted.board.tick(restarted.now)
    assert [said.id for said in first] == [said.id for said in again]
    assert first[0].body == again[0].body


def test_a_change_of_duty_is_said_once_with_the_whole_table(world: World) -> None:
    """M28."""
    world.board.tick(world.now)
    world.filed()
    said = world.board.tick(world.now)
    assert [each.key for each in said] == ["directory.duty_changed"]
    body = said[0].body
    assert isinstance(body, roster_pb2.DutyTable)
    assert table_to(table_from(body)) == body
    assert len(body.SerializeToString()) < 8_000
    assert world.board.tick(world.now) == []


def test_a_desk_without_a_filed_roster_says_nothing_of_duty(world: World) -> None:
    assert world.board.tick(world.now) == []


def test_a_new_month_moves_the_table_on(world: World) -> None:
    world.filed("2025-03", "2025-04", "2025-05")
    world.board.tick(world.now)
    world.now = at("2025-04-02T00:00")
    assert [said.key for said in world.board.tick(world.now)] == ["directory.duty_changed"]


def test_an_empty_post_is_told_once_while_it_is_empty(world: World) -> None:
    """M17: 防止空岗, an uncovered post alerts."""
    asked = world.leave("li.wei", "2025-03-03T10:00", "2025-03-03T18:00", "", acute=True)
    world.decide(asked, "sun.ning")
    told = []
    for clock in ("09:59", "10:00", "10:01", "18:00"):
        world.now = at(f"2025-03-03T{clock}")
        told += [f"{clock} {said.key} {said.body.person}" for said in world.board.tick(world.now) if "post" in said.key]  # type: ignore[attr-defined]
    assert told == ["10:00 directory.roster_post_empty li.wei"]


def test_posts_nobody_fills_are_vacancies(world: World) -> None:
    """M29: the establishment of the profile (编制)."""
    facets = json.loads(json.dumps(world.loaded.facets, default=str))
    facets["roster"]["establishment"] = {"supervisor": 2, "shift_leader": 4, "specialist": None}
    assert vacancies(restore(facets)) == {"supervisor": 1}


def test_a_change_of_duty_survives_a_tick_that_found_the_database_away(world: World, monkeypatch) -> None:
    """M28, T3: what a failed tick did not say is not taken for told by the next one."""
    world.board.tick(world.now)
    world.filed()

    def away(loaded: object, now: object) -> None:
        raise Unavailable("The database does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(world.board, "_news", away)
        with pytest.raises(Unavailable):
            world.board.tick(world.now)
    assert [each.key for each in world.board.tick(world.now)] == ["directory.duty_changed"]
    assert world.board.tick(world.now) == []
