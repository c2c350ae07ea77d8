"""Lives of tickets for Hypothesis: worked on, held, reset, regraded, reopened, recalculated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from hypothesis import strategies as st

from services.sla.model import Facts, Hold, News, Recalculation, Rules, Timeline
from services.sla.policy.facts import learn
from services.sla.policy.steps import judge
from tests.sla.tales import Tale, written
from tests.sla.world import T0, M

_PAUSE = {"allowed": True, "roles": ["team_leader"]}
_CHAIN = {"chain": ["team_leader", "desk_manager"], "every": "40m"}
_STATES = ("open", "waiting", "handed_over")


def _clocks(fix: dict[str, str], reply: str, silence: str) -> list[dict[str, object]]:
    return [
        {"name": "fix", "start": "received", "stop": "resolved", "limit": fix, "pausable": True,
         "pause_while": [{"state": ["waiting"]}], "steps": [{"at": "+30m", "do": {"notify": ["team_leader"]}}]},
        {"name": "reply", "start": {"event": ["contact_joined"]}, "stop": {"by": ["staff"]},
         "limit": {"default": reply}, "pause_while": [{"state": ["waiting"]}]},
        {"name": "silence", "start": "received", "stop": "resolved", "limit": {"default": silence},
         "reset": [{"record": ["told"]}], "cancel": [{"state": ["handed_over"]}]},
        {"name": "mend", "start": {"flag": ["major"]}, "stop": "resolved", "limit": {"default": "90m"},
         "calendar": "office"},
        {"name": "plan", "start": "received", "stop": "planned", "limit": {"default": "3h"}, "only_if_breached": "fix"},
        {"name": "promise", "start": {"event": ["promised"]}, "stop": "resolved", "due": "promised_at"},
    ]  # fmt: skip


def editions() -> dict[str, Rules]:
    """Two versions of rules with every kind of clock, made once for each example."""
    both = {
        "1": written(*_clocks({"general": "3h", "urgent": "2h", "critical": "30m"}, "30m", "2h"),
                     version="1", pause=_PAUSE, escalation=_CHAIN),
        "2": written(*_clocks({"general": "4h", "urgent": "2h", "critical": "1h"}, "20m", "2h")[:5],
                     version="2", pause=_PAUSE, escalation=_CHAIN),
    }  # fmt: skip
    for rules in both.values():
        object.__setattr__(rules, "other", both.get)
    return both


RULES = editions()


class Act(NamedTuple):
    """Something people did to the clocks, or ended doing."""

    at: datetime
    hold: Hold | None = None
    recalculation: Recalculation | None = None


class Life(NamedTuple):
    """A ticket's messages in order, what people did to its clocks, and an instant after all of it."""

    story: Sequence[News]
    acts: Sequence[Act]
    now: datetime


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Any life; every message carries all that held then."""
    tale, minute, waits = Tale(), 0, draw(st.integers(1, 150))
    tale.tell(0, "opened", by="system", state="open")
    acts: list[Act] = []
    laid = "1"
    for _ in range(draw(st.integers(0, 12))):
        minute += draw(st.integers(1, waits))
        match draw(st.integers(0, 13)):
            case 0:
                tale.tell(minute, "graded", grade=draw(st.sampled_from(["general", "urgent", "critical"])))
            case 1 | 2:
                tale.tell(minute, "contact_joined", by="customer")
            case 3:
                tale.tell(minute, "resolved", marks=["resolved"])
            case 4:
                tale.tell(minute, "refused", by="customer", clears=["resolved"])
            case 5 | 6:
                tale.tell(minute, "moved", by="system", state=draw(st.sampled_from(_STATES)))
            case 7:
                tale.tell(minute, record="told")
            case 8:
                flags: dict[str, Any] = draw(st.sampled_from([{"raises": ["major"]}, {"drops": ["major"]}]))
                tale.tell(minute, "marked", by="system", **flags)
            case 9:
                tale.tell(minute, "reopened", by="system", reopened=True)
            case 10:
                length = draw(st.none() | st.integers(1, 200))
                since = T0 + minute * M
                until = since + length * M if length else None
                clock = draw(st.sampled_from(["", "fix"]))
                acts.append(Act(since, hold=Hold(f"h{minute}", clock, tale.story[-1].cycle, since, "", "li", until)))
            case 11:
                laid, old = ("2", laid) if laid == "1" else ("1", laid)
                acts.append(
                    Act(
                        T0 + minute * M, recalculation=Recalculation(f"r{minute}", T0 + minute * M, "li", "", old, laid)
                    )
                )
            case 12:
                tale.tell(minute, "promised", promised=T0 + (minute + draw(st.integers(-30, 300))) * M)
            case _:
                tale.tell(minute, "closed", by="system", ended=draw(st.booleans()), marks=["planned"])
    return Life(tale.story, acts, T0 + timedelta(minutes=minute + draw(st.integers(0, 600))))


def acted(facts: Facts, act: Act) -> Facts:
    """The facts with what somebody did."""
    if act.hold is not None:
        return replace(facts, holds=(*facts.holds, act.hold))
    assert act.recalculation is not None
    return replace(facts, recalculations=(*facts.recalculations, act.recalculation))


def all_of(life: Life) -> Facts:
    """What everything adds up to."""
    facts: Facts | None = None
    for news in life.story:
        facts = learn(facts, news)
    assert facts is not None
    for act in life.acts:
        facts = acted(facts, act)
    return facts


def lived(life: Life, looks: Iterable[int] = (), order: Random | None = None) -> Timeline:
    """The ticket as the service keeps it: messages in any order, some twice, acts when they happen, looked at between.

    With `order` messages come late, at instants of their own; without, each comes when it was said.
    """
    happens: list[tuple[datetime, int, News | Act | None]] = [(T0 + n * M, 2, None) for n in looks]
    for news in life.story:
        heard = [news.updated_at]
        if order is not None:
            heard = [news.updated_at + order.choice([0, 1, 30, 500]) * M for _ in range(order.choice([1, 1, 2]))]
        happens.extend((at, 0, news) for at in heard)
    happens.extend((act.at, 1, act) for act in life.acts)
    happens.sort(key=lambda each: each[:2])
    ticket: Timeline | None = None
    waiting: list[Act] = []
    for number, (now, _kind, what) in enumerate(happens):
        if isinstance(what, News):
            facts = learn(ticket.facts if ticket else None, what)
            while waiting:
                facts = acted(facts, waiting.pop(0))
        elif ticket is None:
            if isinstance(what, Act):
                waiting.append(what)
            continue
        else:
            facts = acted(ticket.facts, what) if isinstance(what, Act) else ticket.facts
        if ticket is None or facts is not ticket.facts or what is None:
            ticket = judge(ticket, facts, RULES[facts.policy], now, f"c{number}")
    assert ticket is not None
    return judge(ticket, ticket.facts, RULES[ticket.facts.policy], max(life.now, happens[-1][0]), "end")
