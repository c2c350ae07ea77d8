"""What people wrote about people is masked wherever a message of the stream is shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message

from services.contracts.deskstream.v1 import sla_pb2, watch_pb2
from services.runtime.legible import legible
from services.runtime.message import Said

WORDS = "张三的母亲病重"
"""What nobody but the desk shall read."""


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("watch.contact_owed", watch_pb2.WatchEvent(contact=watch_pb2.OwedContact(outcome=WORDS))),
        ("watch.outage_ended", watch_pb2.WatchEvent(outage=watch_pb2.Outage(explanation=WORDS))),
        ("watch.recorded_late", watch_pb2.WatchEvent(inspection=watch_pb2.Inspection(note=WORDS))),
        ("watch.finding", watch_pb2.WatchEvent(finding=watch_pb2.Finding(tasks=[watch_pb2.FindingTask(note=WORDS)]))),
        ("escalation.acknowledged", sla_pb2.EscalationEvent(reason=WORDS)),
        ("sla.paused", sla_pb2.SlaEvent(pause=sla_pb2.Pause(reason=WORDS))),
        ("sla.promised", sla_pb2.SlaEvent(clock=sla_pb2.ClockState(commitment=sla_pb2.Commitment(note=WORDS)))),
    ],
)
def test_reasons_and_notes_in_peoples_own_words_are_masked(key: str, body: Message) -> None:
    """P14."""
    shown = legible(Said(key, body, "1", time=datetime(2026, 11, 22, tzinfo=UTC)).as_heard())
    assert WORDS not in shown
    assert "***" in shown
