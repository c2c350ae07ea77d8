"""The gRPC side of the watch. Who may do what stands in the facet watch of the profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from services.contracts.deskstream.v1 import watch_pb2 as pb
from services.contracts.deskstream.v1 import watch_pb2_grpc
from services.kernel.clock import Clock
from services.runtime import rpc
from services.runtime.rpc import caller
from services.watch import forms, policy, wording
from services.watch.commands import CHANNELS, MOST_SHOWN, Desk, Person
from services.watch.model import SYSTEM, Entry, Finding, Notice, Outage

NAME = "deskstream.v1.WatchService"
_PAGE, _LONGEST_PAGE = 50, 200
_LONGEST_LOG = timedelta(days=400)
_EVERYBODY_OF_THE_DESK = frozenset(
    {
        *("specialist", "engineer", "project_manager", "team_leader", "shift_leader", "desk_manager", "supervisor"),
        *("operations_manager", "quality", "administrator"),
    }
)
_CALLERS = frozenset({"specialist", "team_leader", "shift_leader", "desk_manager", "supervisor"})
"""Who reads whom to call (P1)."""
_LOGS = {"inspections": "inspection", "findings": "finding"}


class WatchServicer(watch_pb2_grpc.WatchServiceServicer):
    """WatchService of proto/deskstream/v1/watch.proto."""

    def __init__(self, desk: Desk, zone_of: Callable[[str], ZoneInfo], clock: Clock) -> None:
        self._desk = desk
        self._zone_of = zone_of
        self._clock = clock

    def GetDeskState(self, request: pb.GetDeskStateRequest, context: Any) -> pb.GetDeskStateResponse:
        """How the desk stands, and what to tell callers (H8, H12, H16, J15)."""
        state, told = self._desk.state(request.profile), pb.GetDeskStateResponse(mode=pb.DESK_MODE_NORMAL)
        told.profile = state.profile
        told.notices.extend(wording.notice_of(entry) for entry in state.notices)
        if state.surge is not None and state.rules.surge is not None:
            told.surge.CopyFrom(wording.surge_of(state.surge))
            told.busy_prompt = state.rules.surge.prompt.in_language(request.language)
        if state.outage is not None:
            told.outage.CopyFrom(self._outage(state.outage))
            told.mode = told.outage.mode
        if told.mode == pb.DESK_MODE_OUTAGE:
            told.outage_prompt = state.rules.outage.prompt.in_language(request.language)
            told.offline_form.extend(
                pb.OfflineField(key=each.key, label=each.label.in_language(request.language))
                for each in state.rules.outage.form
            )
        return told

    def GetOfflineForm(self, request: pb.GetOfflineFormRequest, context: Any) -> pb.GetOfflineFormResponse:
        """The sheet for paper; to be had before anything is down (H8)."""
        rules = self._desk.state(request.profile).rules.outage
        if request.format == "html":
            body, kind = forms.offline_html(rules, request.language), "text/html"
        else:
            body, kind = forms.offline_csv(rules, request.language), "text/csv"
        name = f"offline-form.{'html' if request.format == 'html' else 'csv'}"
        return pb.GetOfflineFormResponse(name=name, media_type=f"{kind}; charset=utf-8", body=body)

    def SwitchOutage(self, request: pb.SwitchOutageRequest, context: Any) -> pb.SwitchOutageResponse:
        """On, or over (H8)."""
        entry = self._desk.switch_outage(_person(), request.profile, request.on, request.what)
        contacts = () if request.on else self._desk.contacts(entry.id, MOST_SHOWN)
        return pb.SwitchOutageResponse(outage=self._outage(entry), contacts=self._contacts(contacts))

    def SetPaperCount(self, request: pb.SetPaperCountRequest, context: Any) -> pb.SetPaperCountResponse:
        """How many stand on paper (H9)."""
        entry = self._desk.set_paper_count(_person(), request.outage_id, request.count, request.explanation)
        return pb.SetPaperCountResponse(outage=self._outage(entry))

    def GetOutage(self, request: pb.GetOutageRequest, context: Any) -> pb.GetOutageResponse:
        """One outage with its counts."""
        return pb.GetOutageResponse(outage=self._outage(self._desk.read(request.outage_id, Outage)))

    def ListOutages(self, request: pb.ListOutagesRequest, context: Any) -> pb.ListOutagesResponse:
        """Newest first."""
        size = _size(request.page_size)
        found = self._desk.listed("outage", request.profile, size, request.page_token)
        return pb.ListOutagesResponse(
            outages=[self._outage(each) for each in found], next_page_token=_token(found, size)
        )

    def ListContacts(self, request: pb.ListContactsRequest, context: Any) -> pb.ListContactsResponse:
        """The list to reconcile: who was entered, who is still owed a call (H8, H9)."""
        size = _size(request.page_size)
        found = self._desk.contacts(request.outage_id, size, request.page_token)
        return pb.ListContactsResponse(contacts=self._contacts(found), next_page_token=_token(found, size))

    def SettleContact(self, request: pb.SettleContactRequest, context: Any) -> pb.SettleContactResponse:
        """A contact no callback can settle."""
        entry = self._desk.settle(_person(), request.contact_id, request.outcome)
        return pb.SettleContactResponse(contact=wording.contact_of(entry))

    def PublishNotice(self, request: pb.PublishNoticeRequest, context: Any) -> pb.PublishNoticeResponse:
        """Publishes a notice (H12)."""
        now = self._clock.now()
        starts, ends = wording.instant(request.starts_at) or now, wording.instant(request.ends_at)
        if ends is None:
            raise policy.refusal("ends_at", "请填写结束时间", "say when it ends")
        notice = Notice(
            request.area, starts, ends, request.text_zh, request.text_en, tuple(request.channels), SYSTEM, now
        )
        entry = self._desk.publish(_person(), request.profile, notice, request.idempotency_key or uuid4().hex)
        return pb.PublishNoticeResponse(notice=wording.notice_of(entry))

    def WithdrawNotice(self, request: pb.WithdrawNoticeRequest, context: Any) -> pb.WithdrawNoticeResponse:
        """Ends a notice before its time."""
        return pb.WithdrawNoticeResponse(notice=wording.notice_of(self._desk.withdraw(_person(), request.notice_id)))

    def ListNotices(self, request: pb.ListNoticesRequest, context: Any) -> pb.ListNoticesResponse:
        """All notices, newest first."""
        size = _size(request.page_size)
        found = self._desk.listed("notice", request.profile, size, request.page_token)
        return pb.ListNoticesResponse(
            notices=[wording.notice_of(each) for each in found], next_page_token=_token(found, size)
        )

    def ListPublicNotices(self, request: pb.ListPublicNoticesRequest, context: Any) -> pb.ListPublicNoticesResponse:
        """What web and IVR show at this moment (H12); says nothing of who published it."""
        channel = request.channel or "web"
        if channel not in CHANNELS[1:]:
            raise policy.refusal("channel", "渠道为 web 或 ivr", "the channel is web or ivr")
        told = pb.ListPublicNoticesResponse(timezone=self._zone_of(request.profile).key)
        for entry in self._desk.shown(request.profile, channel):
            about = entry.about
            if isinstance(about, Notice):
                told.notices.add(
                    notice_id=entry.id,
                    area=about.area,
                    text=about.en if request.language.startswith("en") else about.zh,
                    starts_at=wording.stamp(about.starts_at),
                    ends_at=wording.stamp(about.ends_at),
                )
        return told

    def LogFinding(self, request: pb.LogFindingRequest, context: Any) -> pb.LogFindingResponse:
        """An entry of a watcher (H4)."""
        found = wording.instant(request.found_at) or self._clock.now()
        finding = Finding(request.source, request.system, request.what, request.abnormal, found, SYSTEM, "")
        entry = self._desk.log_finding(_person(), request.profile, finding, request.idempotency_key or uuid4().hex)
        return pb.LogFindingResponse(finding=wording.finding_of(entry))

    def SetFindingTask(self, request: pb.SetFindingTaskRequest, context: Any) -> pb.SetFindingTaskResponse:
        """Takes a task of a finding, or says it is done (H4)."""
        entry = self._desk.set_task(_person(), request.finding_id, request.key, request.state, request.note)
        return pb.SetFindingTaskResponse(finding=wording.finding_of(entry))

    def ListFindings(self, request: pb.ListFindingsRequest, context: Any) -> pb.ListFindingsResponse:
        """Findings, newest first; those with open tasks oldest first."""
        size, only = _size(request.page_size), request.open_only
        found = self._desk.listed("finding", request.profile, size, request.page_token, open_only=only)
        return pb.ListFindingsResponse(
            findings=[wording.finding_of(each) for each in found], next_page_token=_token(found, size, live=only)
        )

    def RecordInspection(self, request: pb.RecordInspectionRequest, context: Any) -> pb.RecordInspectionResponse:
        """A turn of a schedule was done (H5, H11)."""
        entry = self._desk.record(
            _person(), request.profile, request.schedule, request.inspection_id, request.abnormal, request.note
        )
        return pb.RecordInspectionResponse(inspection=wording.inspection_of(entry))

    def ListInspections(self, request: pb.ListInspectionsRequest, context: Any) -> pb.ListInspectionsResponse:
        """Turns of all schedules, newest first."""
        size = _size(request.page_size)
        found = self._desk.listed("inspection", request.profile, size, request.page_token)
        shown = [wording.inspection_of(each) for each in found]
        return pb.ListInspectionsResponse(inspections=shown, next_page_token=_token(found, size))

    def ExportWatchLog(self, request: pb.ExportWatchLogRequest, context: Any) -> Iterator[pb.ExportWatchLogResponse]:
        """The log of a time as CSV, newest first (H5, H11)."""
        kind = _LOGS.get(request.what)
        if kind is None:
            raise policy.refusal("what", "请选择 inspections 或 findings", f"name one of {', '.join(_LOGS)}")
        zone = self._zone_of(request.profile)
        first, last = _midnight(request.first, "first", zone), _midnight(request.last, "last", zone)
        if not first <= last <= first + _LONGEST_LOG:
            raise policy.refusal("last", "时间段须在400天以内", "let the last day be at most 400 days after the first")
        head = b"\xef\xbb\xbf" + forms.rows_csv([forms.log_head(kind, request.language)])
        yield pb.ExportWatchLogResponse(chunk=head)
        # Behind every place of the last day; a shelf's places are its times.
        before = self._desk.end_of(kind, request.profile, last + timedelta(days=1))
        while found := self._desk.listed(kind, request.profile, _LONGEST_PAGE, before):
            chosen = [entry for entry in found if entry.about.at >= first]
            if chosen:
                rows = forms.log_rows(chosen, zone, request.language)
                yield pb.ExportWatchLogResponse(chunk=forms.rows_csv(rows))
            if len(chosen) < len(found):
                return
            before = found[-1].place

    def _contacts(self, found: Sequence[Entry]) -> list[pb.OwedContact]:
        person = _person()
        return [wording.contact_of(each) for each in found if self._desk.sees(person, each)]

    def _outage(self, entry: Entry) -> pb.Outage:
        return wording.outage_of(entry, *self._desk.counts(entry.id))


def service(desk: Desk, zone_of: Callable[[str], ZoneInfo], clock: Clock, close: Callable[[], None]) -> rpc.Service:
    """The service and who may call it at all; who of the desk may do what is judged with the profile."""
    methods = [method.name for method in pb.DESCRIPTOR.services_by_name["WatchService"].methods]
    return rpc.Service(
        add=watch_pb2_grpc.add_WatchServiceServicer_to_server,
        servicer=WatchServicer(desk, zone_of, clock),
        name=NAME,
        allow={
            **dict.fromkeys(methods, _EVERYBODY_OF_THE_DESK),
            **dict.fromkeys(("SwitchOutage", "ListContacts", "SettleContact"), _CALLERS),
            # Notices to the public.
            "ListPublicNotices": "ANYONE",
        },
        close=close,
    )


def _person() -> Person:
    principal = caller()
    return Person(principal.id, principal.roles, principal.name)


def _size(asked: int) -> int:
    return min(asked if asked > 0 else _PAGE, _LONGEST_PAGE)


def _token(found: Sequence[Entry], size: int, *, live: bool = False) -> str:
    if len(found) < size:
        return ""
    return found[-1].live if live else found[-1].place


def _midnight(day: str, field: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), time(), zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise policy.refusal(field, "日期格式为 YYYY-MM-DD", "write the date as YYYY-MM-DD") from None
