"""What callers may not learn, nor make the desk keep, over a real connection."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import grpc
import pytest

from services.contracts.deskstream.v1 import clocks_pb2, sla_pb2
from services.contracts.deskstream.v1 import commitments_pb2 as pb
from services.contracts.deskstream.v1.commitments_pb2_grpc import (
    CommitmentServiceStub,
    add_CommitmentServiceServicer_to_server,
)
from services.contracts.deskstream.v1.sla_pb2_grpc import SlaServiceStub
from services.kernel.errors import Refused
from services.profile.commitments import CommitmentKind, Commitments
from services.profile.schema import Label
from services.runtime.calls import channel
from services.runtime.identity import Principal, Verifier
from services.runtime.rpc import Service, serve
from services.runtime.settings import Settings
from services.sla.acts import commitment_server
from services.sla.handlers import fire
from services.sla.policy.holding import MOST_HOLDS
from services.sla.policy.promising import due_of
from tests.sla.clock_desk import NUMBER, OLD, T0, Desk, M, refusal

KIND = CommitmentKind(key="reply", label=Label(zh="答复", en="Reply"))
RULES = replace(OLD, levels=OLD.levels.model_copy(update={"commitments": Commitments(kinds=(KIND,))}))
COMPLAINT = "DS20250303-000002"
MISSING = grpc.StatusCode.NOT_FOUND
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def desk(tmp_path):
    built = Desk(tmp_path)
    built.hear(COMPLAINT, accused="zhao.liu")
    yield built
    built.server.stop(0)


@pytest.fixture
def promises(desk, tmp_path):
    """CommitmentService of the same desk: roles and person to a stub."""
    servicer = commitment_server.Servicer(desk.store, lambda *_: RULES, lambda *_: None, desk.clock, desk._publish)
    service = Service(
        add_CommitmentServiceServicer_to_server, servicer, commitment_server.NAME, commitment_server.ALLOW
    )
    settings = Settings.model_validate({"grpc_bind": "127.0.0.1:0"})
    running = serve([service], settings, Verifier.from_file(tmp_path / "token.pub.jwk"))

    def stub(*roles: str, person: str = "li.wei", name: str = "") -> CommitmentServiceStub:
        who = Principal(person, name, frozenset(roles), frozenset(), "")
        return CommitmentServiceStub(channel(f"127.0.0.1:{running.port}", desk.signer.sign(who, timedelta(hours=1))))

    yield stub
    running.stop(0)


def test_whom_a_complaint_is_about_is_told_of_no_promise_in_it_and_not_that_it_exists(desk, promises):
    """C28, D8: by id or by name, and with the words for a ticket there is none of."""
    made = promises("specialist").MakeCommitment(
        pb.MakeCommitmentRequest(number=COMPLAINT, kind="reply", text="We call you", due="2h")
    )
    acts = {
        "ListCommitments": lambda number: pb.ListCommitmentsRequest(number=number),
        "MakeCommitment": lambda number: pb.MakeCommitmentRequest(number=number, kind="reply", text="x", due="2h"),
        "KeepCommitment": lambda number: pb.KeepCommitmentRequest(number=number, commitment_id=made.commitment.id),
    }
    for stub in (promises("supervisor", person="zhao.liu"), promises("supervisor", person="z", name="zhao.liu")):
        for name, asked in acts.items():
            told = refusal(lambda: getattr(stub, name)(asked(COMPLAINT)))  # noqa: B023 - called at once
            unknown = refusal(lambda: getattr(stub, name)(asked("DS20250303-000009")))  # noqa: B023
            assert told[0] is MISSING
            assert told[1] == unknown[1].replace("000009", "000002")
        assert not stub.ListCommitments(pb.ListCommitmentsRequest(kind="reply")).commitments


def test_whom_a_complaint_is_about_does_not_acknowledge_its_escalation(desk):
    """C28, D14."""
    desk.clock.at = T0 + 11 * M
    fire(desk.store, desk.book, [COMPLAINT], desk.clock.at, "timer/1")
    asked = sla_pb2.AcknowledgeRequest(escalation_id=f"{COMPLAINT}/response/0")
    about = SlaServiceStub(desk.channel("desk_manager", person="zhao.liu"))
    assert refusal(lambda: about.Acknowledge(asked)) == (MISSING, f'No clocks are kept for ticket "{COMPLAINT}".')
    assert SlaServiceStub(desk.channel("desk_manager")).Acknowledge(asked).escalation.acknowledged


def test_an_acknowledgement_says_why_in_bounds_and_names_an_escalation_that_can_be(desk):
    """D14."""
    stub = SlaServiceStub(desk.channel("desk_manager"))
    long = sla_pb2.AcknowledgeRequest(escalation_id=f"{NUMBER}/response/0", reason="x" * 501)
    assert refusal(lambda: stub.Acknowledge(long))[0] is INVALID
    for cycle in ("²", "9" * 5000):
        odd = sla_pb2.AcknowledgeRequest(escalation_id=f"{NUMBER}/response/{cycle}")
        assert refusal(lambda: stub.Acknowledge(odd))[0] is MISSING  # noqa: B023 - called at once


def test_customers_are_not_told_who_keeps_a_promise_nor_the_desks_own_words_on_it(desk, promises):
    """P1, D8: not in the clocks, not in the list, and not by asking for each in turn."""
    inside = promises("specialist")
    made = inside.MakeCommitment(pb.MakeCommitmentRequest(number=NUMBER, kind="reply", text="We call you", due="2h"))
    inside.WithdrawCommitment(
        pb.WithdrawCommitmentRequest(number=NUMBER, commitment_id=made.commitment.id, reason="He shouts at us")
    )
    clocks = SlaServiceStub(desk.channel("requester", person="kunde"))
    mine = promises("requester", person="kunde")
    answer = clocks.GetClocks(sla_pb2.GetClocksRequest(number=NUMBER))
    listed = mine.ListCommitments(pb.ListCommitmentsRequest(number=NUMBER, owner="somebody"))
    shown = [*answer.commitments, *listed.commitments]
    shown += [each.commitment for each in answer.clocks if each.HasField("commitment")]
    assert len(shown) == 3
    assert {(each.text, each.status) for each in shown} == {("We call you", "withdrawn")}
    for each in shown:
        assert not any((each.owner, each.made_by, each.kept_by, each.note, each.HasField("remind_at")))


def test_pages_and_keys_out_of_bounds_are_answered_and_kept_small(desk, promises):
    """P1, D16, D20."""
    stub = desk.stub("engineer")
    assert len(stub.ListOpen(clocks_pb2.ListOpenRequest(page_size=-1)).tickets) == 2
    at_risk = SlaServiceStub(desk.channel("engineer"))
    asked = sla_pb2.ListAtRiskRequest(within_seconds=86_400, page_size=-1)
    assert len(at_risk.ListAtRisk(asked).items) == 6
    long = clocks_pb2.PauseClockRequest(number=NUMBER, clock="fix", reason="customer", idempotency_key="k" * 201)
    assert refusal(lambda: stub.PauseClock(long))[0] is INVALID
    token = pb.ListCommitmentsRequest(number=NUMBER, page_token="9" * 5000)
    assert refusal(lambda: promises("specialist").ListCommitments(token))[0] is INVALID
    assert desk.store.journal == {}


@pytest.mark.parametrize("given", [f"today{' ' * 100_000}17:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59-12:00"])
def test_a_time_that_is_none_or_too_long_to_keep_is_refused(given):
    """D8."""
    with pytest.raises(Refused):
        due_of(given, KIND, RULES, T0)


def test_a_ticket_is_held_so_often_and_no_more(desk):
    """D16: whoever holds and lets go all day does not make its clocks slow to judge."""
    stub = desk.stub("engineer")
    held = clocks_pb2.PauseClockRequest(number=NUMBER, clock="fix", reason="customer")
    for _ in range(MOST_HOLDS):
        stub.PauseClock(held)
        stub.ResumeClock(clocks_pb2.ResumeClockRequest(number=NUMBER))
    code, sentence = refusal(lambda: stub.PauseClock(held))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "200 times" in sentence
