"""Requests that came of another ticket: a new fault found at work (E11), a task or a matter between units (C27)."""

from __future__ import annotations

from collections.abc import Collection

from services.contracts.deskstream.v1.intake_pb2 import RequestDraft
from services.kernel.errors import Fault

KINDS = ("origin", "task_of", "passed_from")
_LONGEST_NOTE = 100


def origin_faults(draft: RequestDraft, issued: Collection[str]) -> tuple[Fault, ...]:
    """Every fault of the draft's origin; none when it names none. `issued`: the named numbers that intake has given."""
    if not draft.HasField("origin"):
        return ()
    origin, faults = draft.origin, []
    if origin.target not in issued:
        zh = f"没有编号为{origin.target[:40]}的工单，请核对来源工单。"
        faults.append(Fault("origin.target", zh, f"There is no ticket {origin.target[:40]} it can come of; check it."))
    if origin.kind and origin.kind not in KINDS:
        zh = f"来源关系只能是：{', '.join(KINDS)}。"
        faults.append(Fault("origin.kind", zh, f"An origin is one of: {', '.join(KINDS)}."))
    if len(origin.note) > _LONGEST_NOTE:
        zh, en = f"来源说明不超过{_LONGEST_NOTE}字。", f"The note of an origin has at most {_LONGEST_NOTE} characters."
        faults.append(Fault("origin.note", zh, en))
    return tuple(faults)
