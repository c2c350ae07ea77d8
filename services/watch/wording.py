"""Between the nouns of this service and the messages of the contracts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import common_pb2, intake_pb2, sla_pb2
from services.contracts.deskstream.v1 import watch_pb2 as pb
from services.kernel.clock import to_milliseconds
from services.watch.model import Contact, Entry, Finding, Inspection, Notice, Outage, Surge, Who, Word

Named = Callable[[str, str, str, int], str]
"""Id of a message from its cause, routing key, subject and ordinal (runtime.message.event_id)."""

MODES = {"normal": pb.DESK_MODE_NORMAL, "outage": pb.DESK_MODE_OUTAGE, "recovering": pb.DESK_MODE_RECOVERING}


def outage_of(entry: Entry, entered: int | None = None, waiting: int | None = None) -> pb.Outage:
    """An outage; how many contacts were entered and wait where somebody asked for it."""
    about = entry.about
    assert isinstance(about, Outage)  # noqa: S101 - the caller looked
    told = pb.Outage(
        outage_id=entry.id,
        version=entry.version,
        profile=entry.profile,
        mode=MODES[about.mode],
        what=about.what,
        began_at=stamp(about.began_at),
        began_by=_actor(about.began_by),
        recovering_at=stamp(about.recovering_at),
        recovering_by=_actor(about.recovering_by),
        ended_at=stamp(about.ended_at),
        paper_count=about.paper,
        explanation=about.explanation,
        entered=entered or 0,
        waiting=waiting or 0,
    )
    return told


def contact_of(entry: Entry) -> pb.OwedContact:
    """An owed contact, with whom to call: for callbacks and the list to reconcile."""
    about = entry.about
    assert isinstance(about, Contact)  # noqa: S101
    brief = sla_pb2.TicketBrief.FromString(about.brief)
    return pb.OwedContact(
        contact_id=entry.id,
        version=entry.version,
        profile=entry.profile,
        outage_id=about.outage,
        number=about.number,
        title=brief.title,
        requester=brief.requester,
        received_at=stamp(about.received_at),
        entered_at=stamp(about.entered_at),
        recorder=about.recorder,
        state=about.state,
        done_at=stamp(about.done_at),
        outcome=about.outcome,
        channel=brief.channel,
        accused=brief.accused,
    )


def accused_of(about: Contact) -> str:
    """Whom the contact complains about; empty where it complains about nobody."""
    return sla_pb2.TicketBrief.FromString(about.brief).accused


def brief_of(number: str, draft: intake_pb2.RequestDraft) -> bytes:
    """Whom to call about what, for the callback after the outage."""
    who = draft.requester
    return sla_pb2.TicketBrief(
        profile=draft.profile,
        title=f"{number} {draft.title}".strip(),
        channel=draft.channel,
        accused=draft.accused,
        # Without id and e-mail: this call confirms no solution, so nobody is sent a survey for it.
        requester=common_pb2.Requester(name=who.name, phone=who.phone, im=who.im, language=who.language),
    ).SerializeToString()


def notice_of(entry: Entry) -> pb.PublicNotice:
    """A public notice in the contract's words."""
    about = entry.about
    assert isinstance(about, Notice)  # noqa: S101
    return pb.PublicNotice(
        notice_id=entry.id,
        version=entry.version,
        profile=entry.profile,
        area=about.area,
        starts_at=stamp(about.starts_at),
        ends_at=stamp(about.ends_at),
        text_zh=about.zh,
        text_en=about.en,
        channels=about.channels,
        state=about.state,
        published_by=_actor(about.by),
        published_at=stamp(about.at),
        ended_at=stamp(about.ended_at),
    )


def finding_of(entry: Entry) -> pb.Finding:
    """A finding with its tasks."""
    about = entry.about
    assert isinstance(about, Finding)  # noqa: S101
    tasks = [
        pb.FindingTask(key=each.key, state=each.state, owner=each.owner, done_at=stamp(each.done_at), note=each.note)
        for each in about.tasks
    ]
    return pb.Finding(
        finding_id=entry.id,
        version=entry.version,
        profile=entry.profile,
        source=about.source,
        system=about.system,
        what=about.what,
        abnormal=about.abnormal,
        found_at=stamp(about.at),
        found_by=_actor(about.by),
        tasks=tasks,
    )


def inspection_of(entry: Entry) -> pb.Inspection:
    """One turn of a schedule."""
    about = entry.about
    assert isinstance(about, Inspection)  # noqa: S101
    return pb.Inspection(
        inspection_id=entry.id,
        version=entry.version,
        profile=entry.profile,
        schedule=about.schedule,
        kind=about.sort,
        label_zh=about.zh,
        label_en=about.en,
        opens_at=stamp(about.opens_at),
        due_at=stamp(about.due_at),
        state=about.state,
        persons=about.persons,
        done_at=stamp(about.done_at),
        done_by=_actor(about.by),
        abnormal=about.abnormal,
        note=about.note,
    )


def surge_of(entry: Entry) -> pb.Surge:
    """A surge of calls."""
    about = entry.about
    assert isinstance(about, Surge)  # noqa: S101
    return pb.Surge(
        surge_id=entry.id,
        version=entry.version,
        profile=entry.profile,
        began_at=stamp(about.began_at),
        ended_at=stamp(about.ended_at),
        calls=about.calls,
        threshold=about.threshold,
        window_seconds=about.window,
    )


def headline(entry: Entry) -> tuple[str, str]:
    """One line for people, in Chinese and English."""
    about = entry.about
    if isinstance(about, Outage):
        zh = {"outage": "服务台进入应急模式", "recovering": "服务台恢复中", "normal": "服务台恢复正常"}[about.mode]
        en = {"outage": "Outage mode is on", "recovering": "The desk recovers", "normal": "The desk works as usual"}
        return f"{zh}：{about.what}", f"{en[about.mode]}: {about.what}"
    if isinstance(about, Contact):
        return f"应急期间服务的用户待联系：{about.number}", f"To be called after the outage: {about.number}"
    if isinstance(about, Notice):
        return f"公告：{about.area}", f"Notice: {about.area}"
    if isinstance(about, Finding):
        return f"{about.system}：{about.what}", f"{about.system}: {about.what}"
    if isinstance(about, Inspection):
        return about.zh, about.en
    return f"话务量激增：{about.calls}", f"Surge of calls: {about.calls}"


def word_about(
    entry: Entry, key: str, by: Who, at: datetime, named: Named, *, cause: str = "", traceparent: str = ""
) -> Word:
    """The message `key` about the entry as it stands. Its id comes from the entry and its version alone, so whoever
    brings the step about, and however often, says the same message."""
    about = entry.about
    zh, en = headline(entry)
    event = pb.WatchEvent(
        event=key.partition(".")[2], profile=entry.profile, actor=_actor(by), at=stamp(at), title_zh=zh, title_en=en
    )
    if isinstance(about, Outage):
        event.outage.CopyFrom(outage_of(entry))
    elif isinstance(about, Contact):
        event.contact.CopyFrom(contact_of(entry))
    elif isinstance(about, Notice):
        event.notice.CopyFrom(notice_of(entry))
    elif isinstance(about, Finding):
        event.finding.CopyFrom(finding_of(entry))
        event.roles.append(about.tell)
    elif isinstance(about, Inspection):
        event.inspection.CopyFrom(inspection_of(entry))
        event.roles.extend(about.tell)
    else:
        event.surge.CopyFrom(surge_of(entry))
    return Word(
        id=named(entry.id, key, "", entry.version),
        key=key,
        body=event.SerializeToString(deterministic=True),
        at=at,
        cause=cause,
        actor=by.id,
        traceparent=traceparent,
    )


def stamp(at: datetime | None) -> Timestamp | None:
    """A protobuf timestamp; None stays unset."""
    if at is None:
        return None
    told = Timestamp()
    told.FromDatetime(at)
    return told


def instant(told: Timestamp) -> datetime | None:
    """The instant, None when unset. Milliseconds: what the database gives back must be what was written."""
    if not told.seconds and not told.nanos:
        return None
    return to_milliseconds(told.ToDatetime(UTC))


def _actor(who: Who | None) -> common_pb2.Actor | None:
    return common_pb2.Actor(id=who.id, role=who.role) if who else None
