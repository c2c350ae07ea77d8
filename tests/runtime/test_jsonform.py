"""JSON from strangers: whatever does not fit is a ValueError with a reason, never a fault of ours."""

from __future__ import annotations

import pytest

from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.kernel.errors import Refused
from services.runtime.jsonform import read_json, read_mapping
from services.runtime.message import JSON, Heard

HALF = "\ud800"


@pytest.mark.parametrize(
    "given",
    [{"requester": HALF}, {"title": HALF}, {HALF: "x"}, {"occurredAt": "yesterday"}, {"fields": 3}, {"unknown": 1}],
    ids=["half an object", "half a text", "half a name", "no time", "no map", "unknown"],
)
def test_what_does_not_fit_is_refused_with_a_reason(given: dict[str, object]) -> None:
    """A7."""
    with pytest.raises(ValueError, match=r"\w+"):
        read_mapping(given, RequestDraft())


def test_a_deeply_nested_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nest|depth"):
        read_json(b'{"fields":' + b"[" * 5000 + b"]" * 5000 + b"}", RequestDraft())


def test_half_a_character_on_the_stream_is_refused_like_any_nonsense() -> None:
    """A7: an adapter's message that is no request is parked with the reason."""
    body = b'{"requester": "\\ud800"}'
    heard = Heard(id="1", key="request.submitted.web", body=body, content_type=JSON)
    with pytest.raises(Refused, match="no RequestDraft"):
        heard.decode(RequestDraft)
