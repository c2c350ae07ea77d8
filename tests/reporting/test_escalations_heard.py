"""Which words about clocks count in figures, and which do not."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import Message

from services.contracts.deskstream.v1 import sla_pb2
from services.reporting.hearing import piece_of

BRIEF = sla_pb2.TicketBrief(number="DS20250303-000001", profile="itss_desk")


def decoded(body: Message) -> Callable[[type[Message]], Message]:
    """The body as the stream gives it back, read as whatever kind the reader takes it for."""
    return lambda kind: kind.FromString(body.SerializeToString())


def test_a_breach_that_escalates_counts_and_an_alarm_is_no_breach():
    """D14, D15."""
    breach = sla_pb2.EscalationEvent(ticket=BRIEF, escalation_id="DS20250303-000001/start/0", clock="start")
    alarm = sla_pb2.EscalationEvent(ticket=BRIEF, escalation_id="DS20250303-000001/major/0", clock="major", alarm=True)
    assert piece_of("escalation.raised", decoded(breach)) is not None
    assert piece_of("escalation.raised", decoded(alarm)) is None


def test_what_dispatch_is_asked_and_the_platform_s_own_trouble_are_no_figures():
    """D13, D23: and must not be taken for clocks, which would park them."""
    assert piece_of("sla.asked", decoded(sla_pb2.SlaAsked(number="DS20250303-000001", action="raise_grade"))) is None
    assert piece_of("sla.alarm", decoded(sla_pb2.SlaAlarm(steps=3))) is None
