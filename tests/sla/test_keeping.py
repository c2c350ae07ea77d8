"""What people did and what the trail says comes back from the database as it went in; so do documents of 0.2."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.sla.model import Commitment, Hold, Recalculation, Status
from services.sla.storage import MongoClocks
from tests.sla.tales import Tale, looked, of_name, written
from tests.sla.world import T0, M

FIX = {"name": "fix", "start": "received", "stop": "resolved", "limit": {"default": "2h"}, "pausable": True,
       "pause_while": [{"state": ["waiting"]}]}  # fmt: skip
BY = written(FIX, pause={"allowed": True, "roles": ["team_leader"]}, version="2")


def a_full_life() -> Tale:
    traits: dict[str, Any] = {"fields.site": "north", "customer": "gc.qin.lan"}
    tale = Tale(policy="1", **traits)
    tale.tell(0, "opened", by="system", state="open", team="desk")
    tale.tell(10, state="waiting", raises=["major", "risky"], record="contact")
    tale.tell(40, state="open", promised=T0 + 300 * M)
    tale.tell(50, "", by="")
    return tale


def test_trail_rests_holds_and_promises_come_back_as_they_were(store):
    """D8, D16, D18."""
    facts = replace(
        a_full_life().facts,
        holds=(
            Hold("h1", "", 0, T0 + 60 * M, "away", "li.wei", T0 + 70 * M, "li.wei"),
            Hold("h2", "fix", 0, T0 + 80 * M, "", "x"),
        ),
        commitments=(
            Commitment("c1", "reply", "tomorrow", "li.wei", "li.wei", T0, T0 + 90 * M, remind_at=T0 + 60 * M),
        ),
        recalculations=(Recalculation("r1", T0 + 55 * M, "li.wei", "contract", "1", "2"),),
    )
    ticket = looked(facts, BY, at=85)
    [clock] = [each for each in of_name(ticket, "fix") if each.live]
    assert (clock.status, len(clock.rests)) == (Status.PAUSED, 2)
    store.insert([ticket])
    kept = store.read([ticket.number])[ticket.number]
    for name in ("trail", "holds", "commitments", "recalculations", "cycles"):
        assert getattr(kept.facts, name) == getattr(facts, name), name
    assert kept.facts.newest.traits == facts.newest.traits
    assert (kept.clocks, kept.escalations, kept.effects) == (ticket.clocks, ticket.escalations, ticket.effects)
    assert looked(kept.facts, BY, at=85, before=kept).clocks == ticket.clocks


@pytest.mark.real
def test_a_document_of_the_release_before_is_read_and_judged_on(mongodb_uri, open_database):
    """D18: it has no trail, counts warnings, and keeps the deadline it was given."""
    database = open_database(mongodb_uri)
    number = "DS20250303-000001"
    cycle = {"number": 0, "begun_in": 1, "begun_at": T0, "newest": 1, "milestones": {"received": T0}}
    newest = {"number": number, "version": 1, "profile": "generic_desk", "profile_version": "0+old", "grade": "general",
              "ended": False, "cycle": 0, "updated_at": T0}  # fmt: skip
    clock = {"name": "fix", "cycle": 0, "generation": 0, "grade": "general", "calendar": "always", "started_at": T0,
             "warned": 1, "known_at": T0, "limit_seconds": 3600, "due_at": T0 + 60 * M,
             "status": "RUNNING"}  # fmt: skip
    database["timelines"].insert_one(
        {
            "_id": number,
            "r": 1,
            "facts": {
                "newest": newest,
                "first_version": 1,
                "first_grade": "general",
                "cycles": [cycle],
                "regrades": [],
            },
            "clocks": [clock],
            "escalations": [],
            "effects": [],
            "next_due": T0 + 60 * M,
        }
    )
    kept = MongoClocks(database).read([number])[number]
    ticket = looked(kept.facts, BY, at=61, before=kept)
    [fix] = of_name(ticket, "fix")
    assert (fix.due_at, fix.status, fix.taken) == (T0 + 60 * M, Status.BREACHED, (0,))
    assert [each.kind for each in ticket.effects] == ["breached"]
