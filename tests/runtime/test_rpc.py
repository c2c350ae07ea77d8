"""Identity, default deny and the error table, over a real gRPC connection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.contracts.deskstream.v1 import directory_pb2 as pb
from services.contracts.deskstream.v1 import directory_pb2_grpc as stubs
from services.kernel.errors import Fault, Missing, Refused, Unavailable
from services.runtime.failures import faults_of, http_status
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.rpc import Allow, Service, caller, channel, serve
from services.runtime.settings import Settings
from tests.waiting import wait_for

ENGINEER = Principal("li.wei", "李伟", frozenset({"engineer"}), frozenset({"network"}), "hq")
FAILURES = {
    "missing": Missing("No such person."),
    "fields": Refused("Two fields are wrong.", faults=(Fault("name", "请填写姓名", "Give a name."),)),
    "stale": Refused("Somebody was faster; read the ticket again.", code="stale"),
    "away": Unavailable("The database does not answer."),
    "long": Refused("没有规则集" + "长" * 100_000, field="profile"),
    "many": Refused("x" * 9_000, faults=tuple(Fault(f"f{n}", "请填写" * 40, "Fill in." * 40) for n in range(200))),
    "bug": ValueError("a secret of the implementation"),
}


class Directory(stubs.DirectoryServiceServicer):
    def GetPerson(self, request: Any, context: Any) -> Any:
        if request.id in FAILURES:
            raise FAILURES[request.id]
        return pb.GetPersonResponse(person=pb.Person(id=caller().id, teams=sorted(caller().teams)))

    def ListTeams(self, request: Any, context: Any) -> Any:
        return pb.ListTeamsResponse()

    def ListProfiles(self, request: Any, context: Any) -> Any:
        return pb.ListProfilesResponse()

    def GetProfile(self, request: Any, context: Any) -> Any:
        return pb.GetProfileResponse()

    def IssueToken(self, request: Any, context: Any) -> Any:
        return pb.IssueTokenResponse()

    def WhoIsOnDuty(self, request: Any, context: Any) -> Any:
        return pb.WhoIsOnDutyResponse()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder)
    return folder


@pytest.fixture(scope="module")
def port(keys: Path) -> Iterator[int]:
    allow: dict[str, Allow] = {"GetPerson": frozenset({"engineer"}), "ListProfiles": "ANYONE"}
    service = Service(
        stubs.add_DirectoryServiceServicer_to_server, Directory(), "deskstream.v1.DirectoryService", allow
    )
    running = serve([service], Settings(grpc_bind="127.0.0.1:0"), Verifier.from_file(keys / "token.pub.jwk"))
    yield running.port
    running.stop(0.5)


def stub(port: int, token: str = "") -> Any:
    return stubs.DirectoryServiceStub(channel(f"127.0.0.1:{port}", token))


def engineer(port: int, keys: Path) -> Any:
    return stub(port, Signer.from_file(keys / "token.jwk").sign(ENGINEER))


def failure(call: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_a_method_knows_the_verified_caller(port: int, keys: Path) -> None:
    person = engineer(port, keys).GetPerson(pb.GetPersonRequest()).person
    assert (person.id, list(person.teams)) == ("li.wei", ["network"])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing", grpc.StatusCode.NOT_FOUND),
        ("fields", grpc.StatusCode.INVALID_ARGUMENT),
        ("stale", grpc.StatusCode.FAILED_PRECONDITION),
        ("away", grpc.StatusCode.UNAVAILABLE),
        ("bug", grpc.StatusCode.INTERNAL),
    ],
)
def test_every_failure_has_its_own_code(port: int, keys: Path, name: str, code: grpc.StatusCode) -> None:
    error = failure(lambda: engineer(port, keys).GetPerson(pb.GetPersonRequest(id=name)))
    assert error.code() == code
    assert http_status(error.code()) == {"missing": 404, "fields": 422, "stale": 409, "away": 503, "bug": 500}[name]


def test_a_bug_tells_a_trace_and_nothing_else(port: int, keys: Path) -> None:
    error = failure(lambda: engineer(port, keys).GetPerson(pb.GetPersonRequest(id="bug")))
    assert "secret" not in str(error.details())
    assert "trace" in str(error.details())


def test_faulty_fields_travel_in_both_languages(port: int, keys: Path) -> None:
    """A7: a refusal says which field and why."""
    error = failure(lambda: engineer(port, keys).GetPerson(pb.GetPersonRequest(id="fields")))
    assert faults_of(error) == (Fault("name", "请填写姓名", "Give a name."),)


def test_nobody_may_call_a_method_that_names_no_role(port: int, keys: Path) -> None:
    """P2: default deny."""
    error = failure(lambda: engineer(port, keys).ListTeams(pb.ListTeamsRequest()))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED


def test_a_caller_without_the_role_is_refused(port: int, keys: Path) -> None:
    error = failure(lambda: stub(port, (keys / "service.token").read_text()).GetPerson(pb.GetPersonRequest()))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
    assert "engineer" in str(error.details())


@pytest.mark.parametrize("token", ["", "not.a.token", "x" * 9000])
def test_a_caller_without_a_good_token_is_refused(port: int, token: str) -> None:
    error = failure(lambda: stub(port, token).GetPerson(pb.GetPersonRequest()))
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_token_of_another_installation_is_refused(port: int, tmp_path: Path) -> None:
    make_keys(tmp_path)
    error = failure(lambda: engineer(port, tmp_path).GetPerson(pb.GetPersonRequest()))
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED


def test_an_expired_token_is_refused(port: int, keys: Path) -> None:
    token = Signer.from_file(keys / "token.jwk").sign(ENGINEER, timedelta(seconds=-1))
    error = failure(lambda: stub(port, token).GetPerson(pb.GetPersonRequest()))
    assert "expired" in str(error.details())


def test_a_link_made_for_one_purpose_opens_nothing_else(port: int, keys: Path) -> None:
    token = Signer.from_file(keys / "token.jwk").sign_claims("survey", {"sub": "li.wei"}, timedelta(days=1))
    assert failure(lambda: stub(port, token).GetPerson(pb.GetPersonRequest())).code() == (
        grpc.StatusCode.UNAUTHENTICATED
    )


def test_an_open_method_needs_no_token(port: int) -> None:
    assert stub(port).ListProfiles(pb.ListProfilesRequest()) == pb.ListProfilesResponse()


def test_the_health_of_each_service_can_be_asked(port: int) -> None:
    """T10: probes."""
    asked = health_pb2.HealthCheckRequest(service="deskstream.v1.DirectoryService")
    told = health_pb2_grpc.HealthStub(channel(f"127.0.0.1:{port}")).Check(asked)
    assert told.status == health_pb2.HealthCheckResponse.SERVING


def test_a_taken_address_is_said_in_one_sentence(port: int, keys: Path) -> None:
    with pytest.raises(SystemExit, match="is taken"):
        serve([], Settings(grpc_bind=f"127.0.0.1:{port}"), Verifier.from_file(keys / "token.pub.jwk"))


def test_keys_are_for_their_owner_only_and_made_once(tmp_path: Path) -> None:
    make_keys(tmp_path)
    first = (tmp_path / "token.jwk").read_text()
    make_keys(tmp_path)
    assert (tmp_path / "token.jwk").read_text() == first
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_streams_never_take_the_last_threads(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may watch the health; a hundred such streams must not keep the desk from answering."""
    link = channel(f"127.0.0.1:{port}")
    watches = [health_pb2_grpc.HealthStub(link).Watch(health_pb2.HealthCheckRequest()) for _ in range(110)]

    def state(watch: Any) -> str:
        try:
            return str(next(watch).status)
        except grpc.RpcError as error:
            return str(error.code().name)

    try:
        told = [state(watch) for watch in watches]
        assert "RESOURCE_EXHAUSTED" in told
        assert stub(port).ListProfiles(pb.ListProfilesRequest(), timeout=5) == pb.ListProfilesResponse()
    finally:
        for watch in watches:
            watch.cancel()
    wait_for(lambda: state(health_pb2_grpc.HealthStub(link).Watch(health_pb2.HealthCheckRequest())) == "1", 10)


def test_reflection_tells_the_services_and_passes_the_gate(port: int) -> None:
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    stream = reflection_pb2_grpc.ServerReflectionStub(channel(f"127.0.0.1:{port}"))
    [told] = stream.ServerReflectionInfo(iter([asked]), timeout=5)
    assert "deskstream.v1.DirectoryService" in {one.name for one in told.list_services_response.service}


@pytest.mark.parametrize("name", ["long", "many"])
def test_an_error_of_any_length_arrives_as_what_it_is(port: int, keys: Path, name: str) -> None:
    """gRPC carries errors in headers, and clients refuse long ones with a code of their own."""
    error = failure(lambda: engineer(port, keys).GetPerson(pb.GetPersonRequest(id=name)))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert faults_of(error)


@pytest.mark.parametrize("left", [{"token.jwk"}, {"token.pub.jwk", "service.token"}, {"token.jwk", "service.token"}])
def test_making_keys_heals_what_was_cut_short(tmp_path: Path, left: set[str]) -> None:
    make_keys(tmp_path)
    for file in tmp_path.iterdir():
        if file.name not in left:
            file.unlink()
    make_keys(tmp_path)
    token = (tmp_path / "service.token").read_text()
    assert Verifier.from_file(tmp_path / "token.pub.jwk").verify(token).has("channel_adapter")


def test_a_broken_key_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "token.jwk").write_text("{")
    with pytest.raises(SystemExit, match="cannot be read"):
        Signer.from_file(tmp_path / "token.jwk")


def test_an_environment_that_does_not_fit_ends_the_process_with_one_sentence_and_no_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AMQP_URI", "rabbit:s3cret@host")
    monkeypatch.setenv("DESKSTREAM_LOG_LEVEL", "loud")
    with pytest.raises(SystemExit, match=r"AMQP_URI.*DESKSTREAM_LOG_LEVEL") as ended:
        Settings()
    assert "s3cret" not in str(ended.value)
    assert "guest" not in repr(Settings.model_construct())
