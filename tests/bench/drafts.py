"""The requests the bench submits: telephone faults of `generic_desk`, within its service hours."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.contracts.deskstream.v1.common_pb2 import Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.kernel.calendar import BusinessCalendar
from services.runtime.message import Said, event_id

KEY = "request.submitted.phone"
PROFILE = "generic_desk"
_ENTRIES = ("network", "applications", "terminals")
_STEP = timedelta(minutes=1)


def reception_time(calendar: BusinessCalendar, now: datetime) -> datetime:
    """Now when the desk is open, else the last minute it was: its clocks then stand still while they are measured."""
    at = now
    while not calendar.is_open(at):
        at -= _STEP
    return at


def submission(run: str, ordinal: int, received_at: datetime) -> Said:
    """The n-th request of a run. Its title says which one it is, wherever the ticket turns up."""
    draft = RequestDraft(
        channel=Channel.CHANNEL_PHONE,
        source_id=f"{run}-{ordinal:06d}",
        profile=PROFILE,
        type="fault",
        entry=_ENTRIES[ordinal % 3],
        title=title(run, ordinal),
        description="打印机在三楼东侧，早上开机后一直显示离线，重启过两次，仍然无法打印，部门有八个人在等。",
        impact_scope="一个部门",
        grade="general",
    )
    draft.requester.name, draft.requester.department = "来电人", "市场部"
    draft.requester.phone = "13912345678"
    draft.occurred_at.FromDatetime(received_at)
    draft.received_at.FromDatetime(received_at)
    return Said(KEY, draft, event_id(draft.source_id, KEY), time=received_at, actor="bench")


def title(run: str, ordinal: int) -> str:
    """打印机无法打印, with the run's name and the ordinal."""
    return f"打印机无法打印 {run} {ordinal}"


def ordinal_in(text: str, run: str) -> int | None:
    """The ordinal in a title of this run; None for any other title."""
    words = text.split()
    return int(words[2]) if len(words) == 3 and words[1] == run else None
