"""One form for both doors: what intake takes of a field, dispatch takes, and the other way round (A7, B19)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatch import model
from services.dispatch.policy import step
from services.kernel.errors import Refused
from tests.dispatch.world import MORNING, PROFILES, Tale, desk, person

AGENTS = {"itss_desk": "li.wei", "generic_desk": "g.ren.yu", "it_callcentre_levels": "i.he.xin"}
TEXTS = st.one_of(
    st.sampled_from(
        ["yes", "no", "是", "12", "0", "-1", "1e9", "2026-11-21", "13800138001", "person", "人员", "x" * 3000]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(str.strip),
)


@pytest.mark.parametrize("name", PROFILES)
@given(text=TEXTS, pick=st.integers(0, 99))
def test_dispatch_takes_exactly_what_the_form_takes(name: str, text: str, pick: int) -> None:
    """B19"""
    rules = desk(name)
    catalogue = rules.profile.catalogue
    field = list(catalogue.extra.values())[pick % len(catalogue.extra)]
    key = catalogue.key_of(field, text.strip())
    tale = Tale(name, type=rules.profile.default_type, project="")
    command = model.Command("update", values={field.name: text})
    agent = person(AGENTS[name], name)
    told = catalogue.fault_of(field, key)
    if told is not None:
        with pytest.raises(Refused) as refused:
            step(rules, tale.ticket, command, agent, MORNING + timedelta(minutes=1))
        assert refused.value.faults == (told,)
        return
    event = step(rules, tale.ticket, command, agent, MORNING + timedelta(minutes=1))
    assert event is not None
    assert event.ticket.fields[field.name] == key
