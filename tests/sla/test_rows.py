"""Rows of timelines: what goes in comes out, every instant in UTC however the row was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions

from services.sla.model import (
    Clock,
    Commitment,
    Cycle,
    Effect,
    Escalation,
    Facts,
    Hold,
    Moment,
    News,
    Recalculation,
    Regrade,
    Status,
    TakenBack,
    Timeline,
)
from services.sla.rows import PLAIN_TIMES, row_of, timeline_of
from tests.sla.world import T0, M

_SPECIAL: dict[str, Any] = {
    "milestones": {"received": T0},
    "traits": {"entry": "erp"},
    "status": Status.BREACHED,
    "taken": (0, 2),
    "rests": ((T0, T0 + M), (T0 + 2 * M, T0 + 3 * M)),
    "flags": ("major", "risky"),
    "moment": None,
    "brief": b"\x01",
    "taken_back": (),
}
_BY_TYPE: dict[str, Any] = {"str": "word", "int": 3, "bool": True}


def whole(kind: type[Any]) -> Any:
    """A thing of a class with every field told."""
    told: dict[str, Any] = {}
    for each in fields(kind):
        if each.name in _SPECIAL:
            told[each.name] = _SPECIAL[each.name]
        elif each.name == "regrade":
            told[each.name] = whole(Regrade)
        else:
            told[each.name] = T0 if "datetime" in str(each.type) else _BY_TYPE[str(each.type)]
    return kind(**told)


def a_timeline_of_everything() -> Timeline:
    gone = whole(TakenBack)
    facts = Facts(
        newest=replace(whole(News), taken_back=()),
        first_version=1,
        first_grade="general",
        cycles=(whole(Cycle),),
        regrades=(whole(Regrade),),
        taken_back=(gone,),
        trail=(Moment(1, T0, 0, "", ""), replace(whole(Moment), promised_at=None), whole(Moment)),
        holds=(whole(Hold),),
        commitments=(whole(Commitment),),
        recalculations=(whole(Recalculation),),
    )
    things = (whole(Clock),), (whole(Escalation),), (whole(Effect),)
    return Timeline("DS20250303-000001", 2, facts, *things, next_due=T0)


def instants(thing: object) -> Iterator[datetime]:
    if isinstance(thing, datetime):
        yield thing
    elif is_dataclass(thing):
        for each in fields(thing):
            yield from instants(getattr(thing, each.name))
    elif isinstance(thing, Mapping):
        for each in thing.values():
            yield from instants(each)
    elif isinstance(thing, tuple):
        for each in thing:
            yield from instants(each)


@pytest.mark.parametrize("times", [PLAIN_TIMES, CodecOptions(tz_aware=True, tzinfo=UTC)], ids=["plain", "aware"])
def test_everything_kept_comes_back_with_its_instants_in_utc(times: CodecOptions[dict[str, Any]]):
    """D16, D18: what is forgotten in a row, or read without its zone, would be judged wrongly later."""
    timeline = a_timeline_of_everything()
    read = timeline_of(bson.decode(bson.encode(row_of(timeline, "w")), times))
    assert read == timeline
    found = list(instants(read))
    assert len(found) == len(list(instants(timeline)))
    assert {each.tzinfo for each in found} == {UTC}


def test_what_is_empty_takes_no_room():
    """A row holds nothing that its class says by itself."""
    clock = Clock("fix", 0, 0, "general", "always", T0, T0, 3600, T0, Status.RUNNING)
    lean = replace(a_timeline_of_everything(), clocks=(clock,))
    [kept] = row_of(lean, "w")["clocks"]
    assert set(kept) == {each.name for each in fields(Clock)[:10]}
