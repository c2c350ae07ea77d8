"""Does an adapter keep the promises of a channel? Its author runs this in its own tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.kernel.clock import Clock, SystemClock

_LONGEST_ID, _LONGEST_TITLE, _LONGEST_TEXT = 500, 200, 4000


def conformance(
    translate: Callable[[bytes], RequestDraft], samples: Sequence[bytes], channel: str, clock: Clock | None = None
) -> list[str]:
    """Sentences about broken promises, empty when there are none. `samples`: different raw messages of the channel.

    The promises: translating a message twice gives the same source_id; different messages have different ones; the
    channel is right; texts keep their bounds; times are not of the future; somebody can be answered.
    """
    broken: list[str] = []
    seen: dict[str, int] = {}
    now = (clock or SystemClock()).now()
    wanted = Channel.Value(f"CHANNEL_{channel.upper()}")
    for index, raw in enumerate(samples):
        draft, again = translate(raw), translate(raw)
        name = f"Sample {index}"
        if not draft.source_id:
            broken.append(f"{name} has no source_id: a redelivery would open a second ticket.")
        elif draft.source_id != again.source_id:
            broken.append(f"{name} has another source_id the second time: derive it from the message alone.")
        elif draft.source_id in seen:
            broken.append(
                f"{name} has the source_id of sample {seen[draft.source_id]}: it would never become a ticket."
            )
        seen.setdefault(draft.source_id, index)
        if len(draft.source_id) > _LONGEST_ID:
            broken.append(f"{name} has a source_id longer than {_LONGEST_ID}: hash it (source_key does).")
        if draft.channel not in (wanted, Channel.CHANNEL_UNSPECIFIED):
            broken.append(f"{name} says channel {Channel.Name(draft.channel)}: leave it out or say {channel}.")
        if not draft.description and not draft.title:
            broken.append(f"{name} says nothing: put the words of the sender into description.")
        if len(draft.description) > _LONGEST_TEXT or len(draft.title) > _LONGEST_TITLE:
            broken.append(
                f"{name} is too long ({_LONGEST_TEXT} for description, {_LONGEST_TITLE} for title): attach it."
            )
        if not (draft.requester.phone or draft.requester.email or draft.requester.im or draft.requester.id):
            broken.append(f"{name} names nobody to answer: set requester.phone, email, im or id.")
        for time in ("received_at", "occurred_at"):
            if draft.HasField(time) and getattr(draft, time).ToDatetime(tzinfo=now.tzinfo) > now:
                broken.append(f"{name} has a {time} of the future: check the time zone.")
    return broken
