"""The desk's telephone is down: paper, backfill, first calls, and the end, across all services (5.11)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.play.staff import Staff
from deploy.local.play.stage import Stage
from services.contracts.deskstream.v1 import callbacks_pb2 as callbacks
from services.contracts.deskstream.v1 import dispatch_pb2 as dispatch
from services.contracts.deskstream.v1 import watch_pb2 as pb
from services.contracts.deskstream.v1 import watch_pb2_grpc
from services.contracts.deskstream.v1.common_pb2 import CHANNEL_PHONE, Requester
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft, SubmitRequest
from services.runtime.calls import channel
from services.runtime.identity import Principal, Signer
from tests.waiting import wait_for

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def stage(stack_folder: Path) -> Iterator[Stage]:
    with Stage(stack_folder / "outage", edges=False) as made:
        yield made


def watch(stage: Stage, person: str, role: str) -> Any:
    token = Signer.from_file(stage.keys / "token.jwk").sign(Principal(person, roles=frozenset({role})))
    return watch_pb2_grpc.WatchServiceStub(channel(stage.env["DESKSTREAM_GRPC_TARGET"], token))


def test_who_was_served_on_paper_is_entered_called_first_and_ends_the_outage(stage: Stage) -> None:
    """H8, H9, H10: the ticket keeps its original time; the call stands before all others; the outage ends by itself."""
    supervisor, staff = watch(stage, "chen.jing", "supervisor"), Staff(stage)
    agent = staff("li.wei")
    outage = supervisor.SwitchOutage(pb.SwitchOutageRequest(profile="itss_desk", on=True, what="电话线路故障")).outage
    happened = stage.now()
    stage.move(timedelta(hours=2))
    draft = RequestDraft(
        channel=CHANNEL_PHONE,
        source_id="paper-1",
        requester=Requester(name="何洁", phone="13800138001"),
        type="incident",
        entry="production",
        title="无法登录营销系统",
        description="电话不通时到服务台登记。",
        grade="P3",
        backfilled=True,
        fields={"outage": outage.outage_id},
    )
    draft.received_at.FromDatetime(happened)
    number = agent.intake.Submit(SubmitRequest(draft=draft)).number
    listed = pb.ListContactsRequest(outage_id=outage.outage_id)
    wait_for(lambda: len(supervisor.ListContacts(listed).contacts) == 1, 30, "the record to be on the list")
    [contact] = supervisor.ListContacts(listed).contacts
    assert (contact.number, contact.recorder, contact.requester.name) == (number, "li.wei", "何洁")
    assert contact.entered_at.ToSeconds() - contact.received_at.ToSeconds() >= 7_190
    wait_for(lambda: agent.dispatch.GetTicket(dispatch.GetTicketRequest(number=number)).ticket.backfilled, 30, "ticket")
    ticket = agent.ticket(number)
    assert abs(ticket.milestones["received"].ToSeconds() - int(happened.timestamp())) <= 1

    supervisor.SetPaperCount(pb.SetPaperCountRequest(outage_id=outage.outage_id, count=1))
    off = supervisor.SwitchOutage(pb.SwitchOutageRequest(profile="itss_desk", on=False))
    assert [each.number for each in off.contacts] == [number]

    def queue() -> list[Any]:
        return list(agent.callbacks.ListTasks(callbacks.ListTasksRequest(callable_now=True)).tasks)

    wait_for(lambda: [task.kind for task in queue()] == ["outage"], 30, "the call to be owed")
    [task] = queue()
    assert task.ticket.requester.phone.endswith("13800138001")
    done = callbacks.CompleteRequest(task_id=task.task_id, expected_version=task.version, reason="已联系，恢复正常")
    agent.callbacks.Complete(done)
    asked = pb.GetOutageRequest(outage_id=outage.outage_id)
    wait_for(lambda: supervisor.GetOutage(asked).outage.mode == pb.DESK_MODE_NORMAL, 30, "the outage to end")
    ended = supervisor.GetOutage(asked).outage
    assert (ended.entered, ended.waiting, ended.paper_count) == (1, 0, 1)


def test_an_abnormal_finding_is_in_the_shift_leader_s_mailbox(stage: Stage) -> None:
    """H4: over stream and mail, at once."""
    watcher = watch(stage, "lu.xia", "specialist")
    watcher.LogFinding(
        pb.LogFindingRequest(
            profile="itss_desk", source="monitoring", system="调度系统", what="磁盘使用率97%", abnormal=True
        )
    )
    leaders = [f"{name}@itss.example" for name in ("wei.dong", "tian.hao", "jin.bo", "gu.feng")]
    wait_for(lambda: [m for one in leaders for m in stage.mail.to(one, "监视异常")], 30, "the mail to the shift leader")
