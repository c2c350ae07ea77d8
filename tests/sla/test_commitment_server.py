"""CommitmentService over a real connection: what is done, who may, what is said, what a broker away changes (D8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import grpc
import pytest

from services.contracts.deskstream.v1 import commitments_pb2 as pb
from services.contracts.deskstream.v1.commitments_pb2_grpc import (
    CommitmentServiceStub,
    add_CommitmentServiceServicer_to_server,
)
from services.profile.commitments import CommitmentKind, Commitments
from services.profile.schema import Label
from services.runtime.calls import channel
from services.runtime.identity import Principal, Verifier
from services.runtime.rpc import Service, serve
from services.runtime.settings import Settings
from services.sla.acts import commitment_server
from services.sla.handlers import say_again
from tests.sla.clock_desk import NUMBER, OLD, T0, Desk, M, refusal

KINDS = tuple(CommitmentKind(key=key, label=Label(zh=key, en=key.title())) for key in ("reply", "contact"))
RULES = replace(OLD, levels=OLD.levels.model_copy(update={"commitments": Commitments(kinds=KINDS)}))
DENIED = grpc.StatusCode.PERMISSION_DENIED
STAFF = {"li.wei": frozenset({"specialist"}), "wang.fang": frozenset({"specialist"})}


@pytest.fixture
def desk(tmp_path):
    built = Desk(tmp_path)
    yield built
    built.server.stop(0)


@pytest.fixture
def served(desk, tmp_path):
    """The port of CommitmentService of the same desk."""
    servicer = commitment_server.Servicer(
        desk.store, lambda *_: RULES, lambda _, person: STAFF.get(person), desk.clock, desk._publish
    )
    service = Service(
        add_CommitmentServiceServicer_to_server, servicer, commitment_server.NAME, commitment_server.ALLOW
    )
    settings = Settings.model_validate({"grpc_bind": "127.0.0.1:0"})
    running = serve([service], settings, Verifier.from_file(tmp_path / "token.pub.jwk"))
    yield running.port
    running.stop(0)


@pytest.fixture
def stub(desk, served):
    """Roles and person to a stub."""

    def of(*roles: str, person: str = "li.wei") -> CommitmentServiceStub:
        who = Principal(person, person, frozenset(roles), frozenset(), "")
        return CommitmentServiceStub(channel(f"127.0.0.1:{served}", desk.signer.sign(who, timedelta(hours=1))))

    return of


def asked(**more) -> pb.MakeCommitmentRequest:
    words = {"number": NUMBER, "kind": "reply", "text": "We call you", "due": "2h"}
    return pb.MakeCommitmentRequest(**(words | more))


def test_a_promise_is_made_kept_and_listed_over_the_wire(desk, stub):
    """D8: with due time and reminder, and its keeping recorded."""
    mine = stub("specialist")
    made = mine.MakeCommitment(asked()).commitment
    assert (made.id, made.owner, made.status, made.given, made.number) == ("c1", "li.wei", "made", "2h", NUMBER)
    assert made.due_at.ToDatetime(tzinfo=UTC) == T0 + 120 * M
    assert T0 < made.remind_at.ToDatetime(tzinfo=UTC) < T0 + 120 * M
    desk.clock.at = T0 + 121 * M
    kept = mine.KeepCommitment(pb.KeepCommitmentRequest(number=NUMBER, commitment_id="c1", note="Called")).commitment
    assert (kept.status, kept.kept_by, kept.note) == ("late", "li.wei", "Called")
    assert [each.status for each in mine.ListCommitments(pb.ListCommitmentsRequest(owner="li.wei")).commitments] == [
        "late"
    ]
    assert not mine.ListCommitments(pb.ListCommitmentsRequest(owner="li.wei", open=True)).commitments
    told = [each for each in desk.said if each.key == "sla.promised"]
    assert [(each.actor, each.body.clock.commitment.owner, each.subject) for each in told] == [
        ("li.wei", "li.wei", NUMBER)
    ]


def test_another_time_and_a_withdrawal_are_answered_and_said(desk, stub):
    """D8: the answer to a renewal is the new promise."""
    mine = stub("specialist")
    mine.MakeCommitment(asked())
    moved = pb.RenegotiateCommitmentRequest(number=NUMBER, commitment_id="c1", due="4h", reason="Customer asked")
    new = mine.RenegotiateCommitment(moved).commitment
    assert (new.id, new.status, new.text) == ("c2", "made", "We call you")
    gone = mine.WithdrawCommitment(pb.WithdrawCommitmentRequest(number=NUMBER, commitment_id="c2", reason="Solved"))
    assert (gone.commitment.status, gone.commitment.note) == ("withdrawn", "Solved")
    listed = mine.ListCommitments(pb.ListCommitmentsRequest(number=NUMBER)).commitments
    assert [(each.id, each.status, each.replaced_by) for each in listed] == [
        ("c1", "renegotiated", "c2"),
        ("c2", "withdrawn", ""),
    ]
    keys = [each.key for each in desk.said if each.key in ("sla.promised", "sla.renegotiated", "sla.withdrawn")]
    assert keys == ["sla.promised", "sla.renegotiated", "sla.promised", "sla.withdrawn"]


def test_those_who_may_not_are_refused_and_nothing_is_written_or_said(desk, stub, served):
    """D8: default deny; customers promise nothing, engineers not what is not theirs to promise."""
    calls = {
        "MakeCommitment": asked(),
        "KeepCommitment": pb.KeepCommitmentRequest(number=NUMBER, commitment_id="c1"),
        "RenegotiateCommitment": pb.RenegotiateCommitmentRequest(number=NUMBER, commitment_id="c1", due="4h"),
        "WithdrawCommitment": pb.WithdrawCommitmentRequest(number=NUMBER, commitment_id="c1", reason="x"),
    }
    stub("specialist").MakeCommitment(asked())
    desk.said.clear()
    before = desk.store.read([NUMBER])[NUMBER].revision
    for who in (stub("requester", person="kunde"), stub(), stub("engineer", person="zhao.liu")):
        for name, request in calls.items():
            assert refusal(lambda: getattr(who, name)(request))[0] is DENIED, name  # noqa: B023 - called at once
    bare = CommitmentServiceStub(grpc.insecure_channel(f"127.0.0.1:{served}"))
    assert refusal(lambda: bare.MakeCommitment(asked()))[0] is grpc.StatusCode.UNAUTHENTICATED
    assert (desk.store.read([NUMBER])[NUMBER].revision, desk.said, desk.store.journal) == (before, [], {})


def test_promises_of_others_are_listed_to_those_in_charge_only_and_of_a_customer_its_own(desk, stub):
    """D8, P1."""
    stub("specialist").MakeCommitment(asked())
    stub("specialist", person="wang.fang").MakeCommitment(asked(kind="contact", due="1h"))
    mine, others = stub("specialist"), pb.ListCommitmentsRequest(owner="wang.fang")
    assert refusal(lambda: mine.ListCommitments(others))[0] is DENIED
    assert [each.owner for each in mine.ListCommitments(pb.ListCommitmentsRequest()).commitments] == ["li.wei"]
    boss = stub("supervisor", person="boss")
    assert [each.kind for each in boss.ListCommitments(others).commitments] == ["contact"]
    assert [each.owner for each in boss.ListCommitments(pb.ListCommitmentsRequest(kind="reply")).commitments] == [
        "li.wei"
    ]
    of_ticket = pb.ListCommitmentsRequest(number=NUMBER)
    own = stub("requester", person="kunde")
    assert [(each.kind, each.owner) for each in own.ListCommitments(of_ticket).commitments] == [
        ("contact", ""),
        ("reply", ""),
    ]
    other = stub("requester", person="somebody")
    assert refusal(lambda: other.ListCommitments(of_ticket))[0] is grpc.StatusCode.NOT_FOUND
    assert refusal(lambda: other.ListCommitments(pb.ListCommitmentsRequest()))[0] is DENIED


def test_a_list_is_read_page_by_page_and_between_instants(desk, stub):
    """D8: soonest due first."""
    mine = stub("specialist")
    for hours in (3, 1, 2):
        mine.MakeCommitment(asked(due=f"{hours}h"))
    first = mine.ListCommitments(pb.ListCommitmentsRequest(page_size=2))
    second = mine.ListCommitments(pb.ListCommitmentsRequest(page_size=2, page_token=first.next_page_token))
    assert [each.given for each in (*first.commitments, *second.commitments)] == ["1h", "2h", "3h"]
    assert second.next_page_token == ""
    span = pb.ListCommitmentsRequest()
    getattr(span, "from").FromDatetime(T0 + 120 * M)
    span.until.FromDatetime(T0 + 180 * M)
    assert [each.given for each in mine.ListCommitments(span).commitments] == ["2h"]


def test_the_same_request_again_while_the_broker_is_away_is_one_promise_that_the_journal_says(desk, stub):
    """D8, D18: the answer comes all the same."""
    mine, request = stub("specialist"), asked(idempotency_key="k")
    desk.away = True
    assert mine.MakeCommitment(request) == mine.MakeCommitment(request)
    owed = desk.store.owed(T0 + 60 * M, 10)
    assert [each.kind for told in say_again(desk.store, owed) for each in told.effects].count("promised") == 1
    desk.away = False
    mine.MakeCommitment(request)
    assert [each.key for each in desk.said].count("sla.promised") == 1
    assert desk.store.journal == {}


def test_what_is_wrong_with_a_request_is_said_by_field(desk, stub):
    """D8."""
    mine = stub("specialist")
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    for wrong in ({"kind": "gift"}, {"text": " "}, {"due": "soon"}, {"due": "08:00"}, {"owner": "nobody"}):
        assert refusal(lambda: mine.MakeCommitment(asked(**wrong)))[0] is invalid, wrong  # noqa: B023 - called at once
    assert refusal(lambda: mine.MakeCommitment(asked(number="DS9")))[0] is grpc.StatusCode.NOT_FOUND
    keep = pb.KeepCommitmentRequest(number=NUMBER, commitment_id="c7")
    assert refusal(lambda: mine.KeepCommitment(keep))[0] is grpc.StatusCode.NOT_FOUND
    assert desk.said == []
