"""Any message of the stream as a person may read it: decoded by its routing key, personal fields masked (P14)."""

from __future__ import annotations

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from services.contracts.deskstream.v1.callbacks_pb2 import CallbackEvent
from services.contracts.deskstream.v1.common_pb2 import personal
from services.contracts.deskstream.v1.directory_pb2 import DirectoryEvent
from services.contracts.deskstream.v1.intake_pb2 import (
    CallEvent,
    ContactRecorded,
    RequestDraft,
    RequestJoined,
    RequestReceived,
    RequestRefused,
)
from services.contracts.deskstream.v1.notifications_pb2 import NotificationEvent
from services.contracts.deskstream.v1.queues_pb2 import WorkAnswer, WorkAnswered
from services.contracts.deskstream.v1.roster_pb2 import DutyTable, RosterEvent
from services.contracts.deskstream.v1.sla_pb2 import EscalationEvent, SlaAlarm, SlaAsked, SlaEvent
from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.contracts.deskstream.v1.watch_pb2 import WatchEvent
from services.kernel.errors import Refused
from services.runtime.message import Heard

BODIES: tuple[tuple[str, type[Message]], ...] = (
    ("request.submitted.", RequestDraft),
    ("request.received.", RequestReceived),
    ("request.joined.", RequestJoined),
    # Only ever a second key, beside one of the two before, which tells the body.
    ("request.backfilled", RequestReceived),
    ("request.refused.", RequestRefused),
    ("contact.recorded", ContactRecorded),
    ("call.", CallEvent),
    ("ticket.", TicketEvent),
    ("links.told", TicketEvent),
    ("sla.asked", SlaAsked),
    ("sla.alarm", SlaAlarm),
    ("sla.", SlaEvent),
    ("escalation.", EscalationEvent),
    ("callback.", CallbackEvent),
    ("survey.", CallbackEvent),
    ("watch.", WatchEvent),
    ("notification.", NotificationEvent),
    ("work.accept", WorkAnswer),
    ("work.decline", WorkAnswer),
    ("answer.", WorkAnswered),
    ("directory.duty_changed", DutyTable),
    ("directory.roster_", RosterEvent),
    ("directory.", DirectoryEvent),
)
"""Beginning of the routing key to the body it carries."""
MASK = "***"


def body_of(key: str) -> type[Message] | None:
    """The kind of body that messages of this routing key carry; None when the stream knows no such key."""
    return next((kind for start, kind in BODIES if key.startswith(start)), None)


def legible(heard: Heard) -> str:
    """The body as JSON without personal values; a sentence when it cannot be decoded (its bytes may be personal)."""
    kind = body_of(heard.key)
    if kind is None:
        return f"({len(heard.body)} bytes; the stream knows no {heard.key})"
    try:
        message = heard.decode(kind)
    except Refused as why:
        return f"({len(heard.body)} bytes that are no {kind.DESCRIPTOR.name}: {type(why.__cause__).__name__})"
    mask(message)
    return json_format.MessageToJson(message, indent=2, ensure_ascii=False)


def mask(message: Message) -> None:
    """Replace every filled field marked personal, at any depth: texts by ***, everything else by nothing."""
    for field, value in message.ListFields():
        if field.GetOptions().Extensions[personal]:
            _hide(message, field)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                for part in value.values():
                    if isinstance(part, Message):
                        mask(part)
            elif field.is_repeated:
                for part in value:
                    mask(part)
            else:
                mask(value)


def _hide(message: Message, field: FieldDescriptor) -> None:
    message.ClearField(field.name)
    if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
        setattr(message, field.name, MASK)
