"""Who must not hear of a contact, and what adapters may not bring about with what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from services.contracts.deskstream.v1 import intake_pb2
from services.kernel.errors import Missing
from services.runtime.message import Said
from services.watch.commands import Person
from tests.watch.world import NOON, PROFILE, SUPERVISOR, notice, record, ringing


def about(person: str, outage: str):
    """A record of a contact that complains about somebody."""
    heard = record(outage)
    body = heard.decode(intake_pb2.RequestReceived)
    body.draft.accused = person
    return Said(heard.key, body, heard.id, subject=heard.subject, time=NOON).as_heard()


@pytest.mark.parametrize(
    "accused", [Person("chen.jing", SUPERVISOR.roles), Person("c.jing", SUPERVISOR.roles, "chen.jing")]
)
def test_whom_a_contact_complains_about_does_not_learn_of_it(world, accused):
    """C28, H9: neither by the list nor by settling it, as if there were none."""
    world.hear(about("chen.jing", world.out().id))
    [entry] = world.contacts()
    assert not world.desk.sees(accused, entry)
    assert world.desk.sees(Person("wang.min", SUPERVISOR.roles, "Wang Min"), entry)
    with pytest.raises(Missing, match="no contact"):
        world.desk.settle(accused, entry.id, "settled")
    assert world.contacts()[0].about.open


def test_a_call_of_tomorrow_counts_now_and_is_forgotten_like_any_other(world):
    """H16: an adapter's clock, or its ill will, keeps nothing for good."""
    world.hear(*(ringing(f"c{number}", NOON + timedelta(days=3650)) for number in range(40)))
    assert world.turn() == ["watch.surge_began"]
    assert world.turn(timedelta(hours=1)) == ["watch.surge_ended"]
    assert world.entries.offered(PROFILE, NOON, NOON + timedelta(days=4000)) == 0


def test_a_call_with_an_id_that_is_none_is_not_counted(world):
    """H16: ids are what the store finds calls by."""
    world.hear(ringing("c" * 100_000, NOON))
    assert world.entries.offered(PROFILE, NOON - timedelta(hours=1), NOON) == 0


def test_a_channel_named_a_thousand_times_is_one_channel(world):
    """H12: what is kept of a notice is as short as what it says."""
    many = replace(notice(), channels=("web",) * 1000)
    assert world.desk.publish(SUPERVISOR, PROFILE, many, "k").about.channels == ("web",)
