"""Records entered afterwards reach whoever waits for them alone (H9)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.contracts.deskstream.v1.intake_pb2 import RequestDraft, RequestJoined, RequestReceived
from services.intake.model import Receipt
from services.intake.storage import BACKFILLED, said_of
from services.runtime import topology

NOON = datetime(2026, 11, 18, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("backfilled", [False, True])
def test_a_backfilled_record_is_said_under_a_second_key_and_any_other_is_not(joined, backfilled):
    """H9: the watch hears these and not every request of the desk."""
    draft = RequestDraft(source_id="paper-1", backfilled=backfilled)
    body = (RequestJoined if joined else RequestReceived)(number="DS20261118-000001", draft=draft)
    key = f"request.{'joined' if joined else 'received'}.phone"
    receipt = Receipt("phone/paper-1", "DS20261118-000001", NOON, joined, key, "e", body.SerializeToString())
    assert said_of(receipt).also == ((BACKFILLED,) if backfilled else ())
    [queue] = [queue for queue in topology.QUEUES if queue.name == "watch.events"]
    assert BACKFILLED in queue.keys
    assert not any(bound.startswith(("request.received", "request.joined")) for bound in queue.keys)
