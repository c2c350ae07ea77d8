"""However late and however often a ticket is heard of: nothing is said twice under one id, and nothing is left out."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla.model import Status
from tests.sla.lives import Life, lived, lives

_LOOKS = st.lists(st.integers(0, 2500), max_size=8)


@settings(max_examples=300, deadline=None)
@given(life=lives(), looks=_LOOKS, order=st.none() | st.randoms(use_true_random=False))
def test_no_step_is_said_twice_and_no_breach_or_end_is_left_out(life: Life, looks, order):
    """D23."""
    ticket = lived(life, looks, order)
    keys = Counter(each.key for each in ticket.effects)
    assert [key for key, count in keys.items() if count > 1] == []
    for clock in ticket.clocks:
        place = f"{clock.name}/{clock.cycle}/{clock.generation}"
        if clock.status in (Status.BREACHED, Status.MET_LATE):
            assert keys[f"breached/{place}/0"] == 1, clock
        if clock.status in (Status.MET, Status.MET_LATE):
            assert any(key.startswith(f"met/{place}/") for key in keys), clock
