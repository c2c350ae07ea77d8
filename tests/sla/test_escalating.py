"""Chains by clock, rungs told again, quiet hours, and no rung after a committed end."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.profile.clocks import ServiceLevels
from services.sla.handlers import fire, hear
from services.sla.model import Rules
from services.sla.policy.escalating import MOST_REPEATS
from services.sla.policy.steps import acknowledge
from tests.sla.world import ALWAYS, OFFICE, T0, M, Shelf, at, clock, later, live, news, regraded, said, spoken

CHAIN = ("team_leader", "desk_manager", "operations_manager")


def by(chain: tuple[str, ...] = CHAIN, **escalation: Any) -> Rules:
    """Response in 10 minutes and resolution in an hour, a chain of three, and this facet of escalation."""
    levels = ServiceLevels.model_validate({"escalation": {"chain": chain, **escalation}})
    rules = (
        clock("response", "received", "responded", {"default": 10}, warn=()),
        clock("resolve", "received", "resolved", {"default": 60}, warn=()),
    )
    kept = levels.escalation
    return Rules(
        rules,
        {"always": ALWAYS, "office": OFFICE},
        "office",
        chain=kept.chain,
        every=kept.every,
        chain_calendar=kept.calendar,
        levels=levels,
    )


def opened(grade: str = "general", when=T0, **more: Any):
    return news(1, when, grade, m={"received": when, **more})


def calls(ticket, name: str = "response") -> list[tuple[str, str, int]]:
    """Kind, role and minutes after the start of everything an escalation said."""
    return [
        (each.kind, each.role, (each.due_at - T0) // M)
        for each in ticket.effects
        if each.clock == name and each.role and each.kind != "acknowledged"
    ]


def watched(rules: Rules, until: int, ticket: Any = None):
    """The ticket looked at each minute."""
    ticket = ticket or live(opened(), now=T0, by=rules)
    for minute in range(1, until + 1):
        ticket = later(ticket, T0 + minute * M, rules)
    return ticket


def test_an_unacknowledged_breach_climbs_one_rung_per_interval():
    """D14."""
    assert calls(watched(by(), 120)) == [
        ("raised", "team_leader", 10),
        ("climbed", "desk_manager", 40),
        ("climbed", "operations_manager", 70),
    ]


def test_some_clocks_climb_another_chain_at_another_pace():
    """D14, X25: the chain is chosen by clock and by ticket; the first choice that fits is taken."""
    rules = by(
        chains=[
            {"clocks": ["resolve"], "when": {"grade": ["critical"]}, "chain": ["operations_manager"], "every": "5m"},
            {"clocks": ["resolve"], "chain": ["desk_manager", "operations_manager"], "every": "15m"},
        ]
    )
    assert calls(watched(rules, 90), "resolve") == [
        ("raised", "desk_manager", 60),
        ("climbed", "operations_manager", 75),
    ]
    critical = watched(rules, 90, live(opened("critical"), now=T0, by=rules))
    assert calls(critical, "resolve") == [("raised", "operations_manager", 60)]
    assert calls(critical)[0] == ("raised", "team_leader", 10)


def test_an_empty_chain_for_a_clock_escalates_nothing():
    rules = by(chains=[{"clocks": ["resolve"], "chain": []}])
    assert calls(watched(rules, 90), "resolve") == []


def test_a_rung_is_told_again_until_the_next_has_it_and_the_last_until_it_acknowledges():
    """D14: every ten minutes; the next rung after thirty takes over."""
    rules = by(chain=CHAIN[:2], repeat="10m")
    ticket = watched(rules, 75)
    assert calls(ticket) == [
        ("raised", "team_leader", 10),
        ("repeated", "team_leader", 20),
        ("repeated", "team_leader", 30),
        ("climbed", "desk_manager", 40),
        ("repeated", "desk_manager", 50),
        ("repeated", "desk_manager", 60),
        ("repeated", "desk_manager", 70),
    ]
    ids = [each.id for each in spoken(ticket, rules)]
    assert len(set(ids)) == len(ids)
    now = T0 + 76 * M
    ticket = acknowledge(ticket, "response", 0, "li", {"desk_manager"}, "I take it.", rules, now, "ack")
    assert [each for each in calls(later(ticket, T0 + 300 * M, rules)) if each[2] > 76] == []


def test_a_repetition_says_which_rung_and_how_often():
    rules = by(chain=CHAIN[:2], repeat="10m")
    ticket = watched(rules, 50)
    told = [each.body for each in spoken(ticket, rules)]
    again = [(each.role, each.rung, each.repeats) for each in told if getattr(each, "repeats", 0)]
    assert again == [("team_leader", 0, 1), ("team_leader", 0, 2), ("desk_manager", 1, 1)]


def test_repetitions_end_after_a_hundred():
    rules = by(chain=("team_leader",), repeat="1m")
    ticket = watched(rules, 200)
    assert sum(1 for each in calls(ticket) if each[0] == "repeated") == MOST_REPEATS
    assert calls(later(ticket, T0 + 900 * M, rules)) == calls(ticket)


def test_a_replica_whose_clock_is_behind_does_not_end_what_another_raised():
    """D14, D23."""
    rules = by()
    ticket = later(live(opened(), now=T0, by=rules), T0 + 10 * M, rules)
    noted = news(2, T0 + 9 * M, m={"received": T0})
    ticket = live(noted, now=T0 + 10 * M - M / 100, by=rules, before=ticket)
    assert calls(later(ticket, T0 + 40 * M, rules)) == [
        ("raised", "team_leader", 10),
        ("climbed", "desk_manager", 40),
    ]


def test_of_the_repetitions_nobody_could_tell_in_time_one_is_told():
    """D23: rungs are taken late, each; being reminded ten times at once reminds of nothing."""
    rules = by(chain=("team_leader",), repeat="10m")
    ticket = later(live(opened(), now=T0, by=rules), T0 + 111 * M, rules)
    assert calls(ticket) == [("raised", "team_leader", 10), ("repeated", "team_leader", 110)]
    assert calls(later(ticket, T0 + 120 * M, rules))[2:] == [("repeated", "team_leader", 120)]


QUIET: dict[str, Any] = {"quiet": {"grades": ["general"], "calendar": "office"}}


def test_a_breach_in_the_night_is_told_then_and_escalates_in_the_morning():
    """D14: low grades wake nobody; rungs are counted from when the first was told."""
    rules = by(**QUIET)
    evening = at("2025-03-03 23:00")
    ticket = live(opened(when=evening), now=evening, by=rules)
    ticket = later(ticket, at("2025-03-03 23:10"), rules)
    assert said(ticket) == ["armed", "breached response"]
    assert ticket.next_due is not None
    for hour in range(24, 33):
        ticket = later(ticket, at("2025-03-03 00:00") + hour * 60 * M, rules)
    assert not any(each.kind == "raised" for each in ticket.effects)
    morning = at("2025-03-04 09:00")
    ticket = later(ticket, morning, rules)
    raised = [each for each in ticket.effects if each.kind == "raised" and each.clock == "response"]
    assert [(each.due_at, each.at) for each in raised] == [(at("2025-03-03 23:10"), morning)]
    assert not any(each.kind == "climbed" for each in ticket.effects)
    ticket = later(ticket, morning + 30 * M, rules)
    assert said(ticket).count("climbed response") == 1


def test_who_is_critical_escalates_in_the_night():
    rules = by(**QUIET)
    evening = at("2025-03-03 23:00")
    ticket = later(live(opened("critical", evening), now=evening, by=rules), at("2025-03-03 23:10"), rules)
    assert "raised response" in said(ticket)


def test_a_matter_settled_before_the_morning_escalates_to_nobody():
    rules = by(**QUIET)
    evening = at("2025-03-03 23:00")
    ticket = later(live(opened(when=evening), now=evening, by=rules), at("2025-03-04 00:30"), rules)
    done = at("2025-03-04 01:00")
    ended = news(2, done, m={"received": evening, "responded": done, "resolved": done})
    ticket = live(ended, now=done, by=rules, before=ticket)
    assert not any(each.kind == "raised" for each in later(ticket, at("2025-03-04 12:00"), rules).effects)


def test_a_rung_that_waits_for_the_morning_is_told_when_the_grade_rises():
    rules = by(**QUIET)
    evening, night = at("2025-03-03 17:45"), at("2025-03-03 22:00")
    ticket = later(live(opened(when=evening), now=evening, by=rules), at("2025-03-03 17:55"), rules)
    ticket = later(ticket, night, rules)
    assert "climbed response" not in said(ticket)
    urgent = regraded(2, night, "general", "critical", m={"received": evening})
    ticket = live(urgent, now=night, by=rules, before=ticket)
    assert "climbed response" in said(ticket)


@settings(max_examples=120, deadline=None)
@given(
    looks=st.lists(st.integers(0, 300), max_size=12),
    answered=st.integers(0, 300),
    repeat=st.sampled_from([None, "7m"]),
    quiet=st.booleans(),
    late=st.integers(0, 20),
)
def test_nothing_climbs_after_a_committed_end_whoever_was_faster(looks, answered, repeat, quiet, late):
    """D14: fire and hear race for the document; whatever is written after the resolve was written knows of it."""
    rules = by(**({"repeat": repeat} if repeat else {}), **(QUIET if quiet else {}))
    store, start = Shelf(), at("2025-03-03 16:30")
    hear(store, lambda *_: rules, [opened(when=start)], start)
    number = "DS20250303-000001"
    done = start + answered * M
    ended = news(2, done, m={"received": start, "responded": done, "resolved": done})
    turns = sorted([(minute, 0) for minute in looks] + [(answered + late, 1)])
    committed = None
    for count, (minute, kind) in enumerate(turns):
        now = start + minute * M
        if kind:
            hear(store, lambda *_: rules, [ended], now)
            committed = len(store.kept[number].effects)
        else:
            stale = Stale(store, rules)
            fire(stale, lambda *_: rules, [number], now, f"timer/{count}")
            # A rival that read before the other wrote loses the race and judges from what is then true.
            fire(store, lambda *_: rules, [number], now, f"rival/{count}")
    assert committed is not None
    after = store.kept[number].effects[committed:]
    assert not {"raised", "climbed", "repeated", "breached", "warned"} & {each.kind for each in after}
    keys = [each.key for each in store.kept[number].effects]
    assert len(keys) == len(set(keys))


class Stale:
    """A replica that reads, is held up while another fires the same ticket, and writes then."""

    def __init__(self, store: Shelf, rules: Rules) -> None:
        self._store = store
        self._rules = rules

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def replace(self, timelines: Any) -> set[str]:
        for timeline in timelines:
            before = self._store.kept[timeline.number]
            rival = later(before, max(each.at for each in timeline.effects), self._rules)
            self._store.replace([rival])
        return self._store.replace(timelines)
