"""Leave and swaps: limits, who decides, what a decision changes (M5 to M9, M17, M18, M21, X19, Q6)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from services.directory.roster_limits import Wish
from services.directory.roster_months import Change
from services.kernel.errors import Missing, Refused
from tests.directory.roster_world import World, at

MONDAY = ("2025-03-10T08:00", "2025-03-10T18:00")


def test_leave_is_asked_checked_approved_and_then_followed(world: World) -> None:
    """M21, M18: half a day or more is the desk manager's (section 5.12)."""
    world.filed()
    asked = world.leave("li.wei", *MONDAY, "zhou.min")
    assert (asked.state, asked.steps) == ("checked", ("desk_manager",))
    assert not world.duty.is_absent("li.wei", at("2025-03-10T09:00"))
    done = world.decide(asked, "sun.ning", why="enjoy")
    assert (done.state, [step.what for step in done.history]) == ("approved", ["requested", "checked", "approved"])
    assert world.duty.stand_in("li.wei", at("2025-03-10T09:00")) == "zhou.min"
    assert world.duty.stand_in("li.wei", at("2025-03-10T18:00")) == "li.wei"
    assert "li.wei" not in world.present("2025-03-10T09:00")


def test_a_short_leave_of_the_post_is_the_team_leaders_and_names_its_cover(world: World) -> None:
    """M17: 防止空岗."""
    with pytest.raises(Refused) as refused:
        world.leave("li.wei", "2025-03-10T10:00", "2025-03-10T12:00", "")
    assert refused.value.field == "substitute"
    assert world.leave("li.wei", "2025-03-10T10:00", "2025-03-10T12:00", "zhou.min").steps == ("team_leader",)


def test_leave_on_the_same_day_needs_the_acute_flag(world: World) -> None:
    """M8: 提前一天, except acute illness."""
    today = ("2025-03-03T10:00", "2025-03-03T18:00")
    with pytest.raises(Refused) as refused:
        world.leave("li.wei", *today, "zhou.min")
    assert refused.value.field == "acute"
    asked = world.leave("li.wei", *today, "", acute=True)
    assert asked.flags == ("acute", "uncovered")


def test_an_extension_is_asked_for_a_day_before_the_leave_ends(world: World) -> None:
    """M8."""
    world.decide(first := world.leave("li.wei", *MONDAY, "zhou.min"), "sun.ning")
    more = ("2025-03-11T00:00", "2025-03-12T00:00", "zhou.min", first.id)
    world.now = at("2025-03-10T09:00")
    with pytest.raises(Refused):
        world.leave("li.wei", *more)
    world.now = at("2025-03-09T23:00")
    assert world.leave("li.wei", *more).state == "checked"
    with pytest.raises(Refused, match="no approved leave"):
        world.leave("zhou.min", *more)


def test_the_third_day_of_a_month_takes_evidence_and_two_people_who_agree(world: World) -> None:
    """M9: 每月两天, beyond it supervisor and manager, 20 yuan a day on record."""
    world.decide(world.leave("li.wei", "2025-03-10T00:00", "2025-03-12T00:00", "zhou.min"), "sun.ning")
    third = ("2025-03-20T00:00", "2025-03-21T00:00", "zhou.min")
    with pytest.raises(Refused) as refused:
        world.leave("li.wei", *third)
    assert refused.value.field == "evidence"
    asked = world.leave("li.wei", *third, evidence="archive:17")
    assert (asked.steps, asked.flags, asked.deduction_yuan) == (("supervisor", "desk_manager"), ("over_quota",), 20)
    with pytest.raises(Refused, match="waits for the supervisor"):
        world.decide(asked, "sun.ning")
    half = world.decide(asked, "chen.jing")
    assert (half.state, half.steps) == ("checked", ("desk_manager",))
    assert not world.duty.is_absent("li.wei", at("2025-03-20T09:00"))
    assert world.decide(asked, "sun.ning").state == "approved"


def test_another_month_has_days_of_its_own(world: World) -> None:
    world.leave("li.wei", "2025-03-30T00:00", "2025-04-01T00:00", "zhou.min")
    asked = world.leave("li.wei", "2025-04-01T00:00", "2025-04-03T00:00", "zhou.min")
    assert asked.flags == ()


def test_a_long_leave_is_everybodys_matter(world: World) -> None:
    asked = world.leave("li.wei", "2025-03-10T00:00", "2025-04-10T00:00", "zhou.min", evidence="archive:4")
    assert asked.steps == ("supervisor", "desk_manager")
    assert asked.deduction_yuan == 20 * 27


def test_nobody_decides_about_themselves_and_the_unentitled_not_at_all(world: World) -> None:
    """M5."""
    asked = world.leave("wang.fang", "2025-03-10T10:00", "2025-03-10T12:00", "li.wei")
    with pytest.raises(Refused, match="their own"):
        world.decide(asked, "wang.fang")
    with pytest.raises(Refused, match="waits for the operations_manager"):
        world.decide(asked, "zhou.min")
    with pytest.raises(Refused, match="partner"):
        world.decide(asked, "li.wei")


def test_a_refusal_says_why_and_changes_nothing(world: World) -> None:
    world.filed()
    asked = world.leave("li.wei", *MONDAY, "zhou.min")
    with pytest.raises(Refused) as refused:
        world.decide(asked, "sun.ning", agree=False)
    assert refused.value.field == "reason"
    assert world.decide(asked, "sun.ning", agree=False, why="too many away").state == "refused"
    assert not world.duty.is_absent("li.wei", at("2025-03-10T09:00"))
    with pytest.raises(Refused, match="already"):
        world.decide(asked, "sun.ning")


def test_a_request_can_be_withdrawn_by_its_person(world: World) -> None:
    asked = world.leave("li.wei", *MONDAY, "zhou.min")
    assert world.decide(asked, "li.wei", agree=False).state == "withdrawn"


def test_whoever_is_away_stands_in_for_nobody(world: World) -> None:
    """Substitutes never go in a circle (M21)."""
    world.decide(world.leave("li.wei", *MONDAY, "zhou.min"), "sun.ning")
    with pytest.raises(Refused, match="away in that time too"):
        world.leave("zhou.min", *MONDAY, "li.wei")
    chained = world.leave("zhou.min", *MONDAY, "wu.hao", insist=True)
    world.decide(chained, "sun.ning")
    assert world.duty.stand_in("li.wei", at("2025-03-10T09:00")) == "wu.hao"


def test_who_holds_the_approvers_role_alone_is_decided_by_another(world: World) -> None:
    """M5: nobody approves their own."""
    away = world.leave("sun.ning", "2025-03-10T00:00", "2025-03-11T00:00", "zheng.yan")
    assert away.steps == ("operations_manager",)
    assert world.decide(away, "zhao.gang").state == "approved"


def test_a_substitute_decides_in_the_place_of_the_absent_for_the_span_only(world: World) -> None:
    """M21, Q6: rights end with the span."""
    world.decide(world.leave("sun.ning", "2025-03-10T00:00", "2025-03-11T00:00", "zheng.yan"), "zhao.gang")
    asked = world.leave("li.wei", "2025-03-20T00:00", "2025-03-21T00:00", "zhou.min")
    for before_or_after in ("2025-03-09T23:59", "2025-03-11T00:00"):
        world.now = at(before_or_after)
        with pytest.raises(Refused, match="waits for the desk_manager"):
            world.decide(asked, "zheng.yan")
    world.now = at("2025-03-10T09:00")
    assert world.decide(asked, "zheng.yan").state == "approved"


def test_two_of_one_shift_are_refused_unless_insisted_on(world: World) -> None:
    """M7: 一个班次一名, the second carries 20 yuan on record."""
    world.filed()
    world.leave("li.wei", *MONDAY, "zhou.min")
    with pytest.raises(Refused, match="一个班次一名"):
        world.leave("wu.hao", *MONDAY, "zhou.min")
    second = world.leave("wu.hao", *MONDAY, "zhou.min", insist=True)
    assert (second.flags, second.deduction_yuan) == (("second_of_shift",), 20)


def watchers(world: World, post: str = "info") -> tuple[str, str, str, str]:
    """Two watchers of neighbouring groups, the day shift of one on the 12th and the night of the other on the 10th: the
    exchange leaves both their rest."""
    book = world.store.book("itss_desk", "2025-03")
    one, other = (each for each in book.work if each.shift == "day" and each.post == post and each.day.day in (12, 13))
    return one.person, one.key, other.person, "2025-03-10/night/monitoring"


def test_a_swap_waits_for_partner_and_approver_and_then_changes_the_roster(world: World) -> None:
    """M5, X19: an unapproved swap never changes the roster."""
    world.filed()
    one, shift, other, theirs = watchers(world)
    asked = world.swap(one, shift, other, theirs)
    assert (asked.state, asked.steps) == ("requested", ("desk_manager",))
    with pytest.raises(Refused, match="First"):
        world.decide(asked, "sun.ning")
    assert world.decide(asked, other).state == "checked"
    assert shift in world.on_shift(one)
    with pytest.raises(Refused):
        world.decide(asked, other)
    assert world.decide(asked, "sun.ning").state == "approved"
    assert (shift in world.on_shift(one), theirs in world.on_shift(one)) == (False, True)
    assert (shift in world.on_shift(other), theirs in world.on_shift(other)) == (True, False)
    assert other in world.present("2025-03-12T10:00", "monitoring")
    assert one not in world.present("2025-03-12T10:00", "monitoring")
    assert one in world.present("2025-03-10T20:00", "monitoring")


def test_a_third_swap_in_a_month_is_refused(world: World) -> None:
    """M6: 换班两次."""
    world.filed()
    one, _, other, _ = watchers(world)
    days = [key for key in world.on_shift(one) if "/day/" in key and key[8:10] > "04"]
    first = world.swap(one, days[0], other)
    world.swap(one, days[1], other)
    with pytest.raises(Refused, match="换班不超过两次"):
        world.swap(one, days[2], other)
    world.decide(first, one, agree=False)
    assert world.swap(one, days[2], other).state == "requested"


def test_a_swap_without_rest_between_shifts_is_refused(world: World) -> None:
    """M6: 严禁连续上班."""
    world.filed()
    book = world.store.book("itss_desk", "2025-03")
    night = next(each for each in book.work if each.key == "2025-03-10/night/monitoring" and each.post == "info")
    day = next(each for each in book.work if each.key == "2025-03-10/day/monitoring" and each.post == "info")
    with pytest.raises(Refused, match="严禁连续上班"):
        world.swap(night.person, night.key, day.person)


def test_only_people_of_one_post_swap(world: World) -> None:
    """M3 is kept by it."""
    world.filed()
    one, shift, _, _ = watchers(world)
    partner = watchers(world, "communication")[2]
    with pytest.raises(Refused, match="岗位一致"):
        world.swap(one, shift, partner)


def test_a_swap_needs_a_filed_roster_ones_own_shift_and_a_day_of_notice(world: World) -> None:
    """M8."""
    world.make()
    one, shift, other, theirs = watchers(world)
    with pytest.raises(Refused, match="not filed yet"):
        world.swap(one, shift, other, theirs)
    world.file()
    with pytest.raises(Refused, match="no part in shift"):
        world.swap(other, shift, one)
    with pytest.raises(Refused, match="somebody else"):
        world.swap(one, shift, one)
    world.now = at("2025-03-10T06:00")
    with pytest.raises(Refused) as refused:
        world.swap(one, shift, other, theirs)
    assert refused.value.field == "acute"


def test_a_swap_that_no_longer_fits_is_not_approved(world: World) -> None:
    world.filed()
    one, shift, other, theirs = watchers(world)
    world.decide(asked := world.swap(one, shift, other, theirs), other)
    book = world.store.book("itss_desk", "2025-03")
    third = next(each.person for each in book.work if each.key == "2025-03-14/day/monitoring" and each.post == "info")
    world.make("2025-03", Change(shift, one, third), keep=True)
    with pytest.raises(Refused, match="no part in shift"):
        world.decide(asked, "sun.ning")


@pytest.mark.parametrize("request_id", ["", "x", "itss_desk/2025-03/none", "nowhere/2025-03/x", "itss_desk/2025-99/x"])
def test_an_unknown_request_is_missing(world: World, request_id: str) -> None:
    with pytest.raises(Missing):
        world.rosters.decide(request_id, "sun.ning", True, "", world.now)


def test_strangers_ask_for_nothing(world: World) -> None:
    with pytest.raises(Refused, match="not of the desk"):
        world.leave("nobody", *MONDAY, "li.wei")


def test_many_who_ask_at_once_are_all_heard_once(world: World) -> None:
    """T3: compare-and-set of one book."""
    world.filed()
    people = ("lu.xia", "ren.jie", "fan.li", "hou.yan")
    wishes = [world.wish(person) for person in people]

    def ask(wish: Wish) -> None:
        begin, end = at("2025-03-12T10:00"), at("2025-03-12T12:00")
        world.rosters.leave("itss_desk", wish, begin, end, "li.wei", "")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, wishes))
    asked = world.store.book("itss_desk", "2025-03").requests
    assert sorted(each.person for each in asked) == sorted(people)


def test_of_two_who_decide_at_once_one_is_told_that_it_is_decided(world: World) -> None:
    asked = world.leave("wang.fang", "2025-03-10T10:00", "2025-03-10T12:00", "li.wei")

    def decide(agree: bool) -> str:
        try:
            return world.decide(asked, "zhao.gang", agree, "so it is").state
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(2) as pool:
        found = sorted(pool.map(decide, (True, False)))
    assert found in (["approved", "conflict"], ["conflict", "refused"])
