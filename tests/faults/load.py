"""People who do not give up: requests and calls in lanes of their own, each repeated under its id until it is taken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

import grpc
import httpx
from google.protobuf.json_format import MessageToDict

from deploy.local.play.stage import Stage
from services.contracts.deskstream.v1.common_pb2 import Channel, Requester
from services.contracts.deskstream.v1.intake_pb2 import CallEvent, CallPhase, RequestDraft, SubmitRequest
from services.kernel.errors import Unavailable
from services.runtime.calls import channel
from services.runtime.identity import Principal, Signer
from services.runtime.message import Said, event_id
from services.runtime.publisher import Publisher

ENTRIES = ("network", "applications", "terminals")
PATIENCE = 120.0


def draft(run: str, index: int, now: datetime) -> RequestDraft:
    """A sound request for generic_desk; its title tells the run."""
    made = RequestDraft(
        channel=Channel.CHANNEL_WEB,
        source_id=f"{run}-{index}",
        profile="generic_desk",
        requester=Requester(name="孟慧", department="市场部", phone="13700137001", email="meng.hui@office.example"),
        type="fault",
        entry=ENTRIES[index % len(ENTRIES)],
        title=f"{run} {index}",
        description="无法正常使用，请处理。",
        impact_scope="本部门",
        grade="urgent" if index % 4 == 0 else "general",
    )
    made.occurred_at.FromDatetime(now)
    made.received_at.FromDatetime(now)
    return made


def request(run: str, index: int, now: datetime) -> Said:
    """The draft as an adapter says it."""
    key = "request.submitted.web"
    return Said(key, draft(run, index, now), event_id(f"{run}-{index}", key), time=now)


def missed_call(run: str, index: int, now: datetime) -> list[Said]:
    """A call that rang eleven times for nobody (F11): owed a callback."""
    call = f"{run}-call-{index}"
    told = []
    for phase, name, rings in (
        (CallPhase.CALL_PHASE_RINGING, "ringing", 1),
        (CallPhase.CALL_PHASE_ABANDONED, "abandoned", 11),
    ):
        event = CallEvent(call_id=call, phase=phase, caller="13800138005", rings=rings, to_human=True)
        event.at.FromDatetime(now)
        told.append(Said(f"call.{name}", event, event_id(call, f"call.{name}"), time=now))
    return told


class Lanes:
    """Requests said on the stream, submitted over gRPC and posted to the gateway, in threads, until told to end.

    `taken` holds the source ids the platform has taken: confirmed by the broker, or answered with a number.
    """

    def __init__(
        self, stage: Stage, run: str, *, stream: bool = True, grpc_lanes: int = 1, http_lanes: int = 0
    ) -> None:
        self._stage = stage
        self.run = run
        self.taken: dict[str, str] = {}
        self.codes: set[str] = set()
        self.faults: list[BaseException] = []
        self._ending = threading.Event()
        self._numbers = iter(range(1_000_000))
        signer = Signer.from_file(stage.keys / "token.jwk")
        self._token = signer.sign(Principal("portal", "portal", frozenset({"channel_adapter"}), frozenset()))
        self._publisher = Publisher(stage.broker.uri, source="portal", clock=stage.clock)
        work: list[Callable[[], None]] = [
            *[self._stream] * stream,
            *[self._grpc] * grpc_lanes,
            *[self._http] * http_lanes,
        ]
        self._threads = [threading.Thread(target=self._guarded, args=(each,), daemon=True) for each in work]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._publisher.close()
        if error is None:
            assert not self.faults, self.faults
            assert not any(thread.is_alive() for thread in self._threads), "every request begun is taken in the end"

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            while not self._ending.is_set():
                work()
        except BaseException as error:
            self.faults.append(error)
            raise

    def _stream(self) -> None:
        indices = [next(self._numbers) for _ in range(4)]
        said = [request(self.run, index, self._stage.now()) for index in indices]
        while True:
            try:
                self._publisher.publish(said, timeout=5)
                break
            except Unavailable:
                self.codes.add("publisher: Unavailable")
        self.taken.update({f"{self.run}-{index}": "" for index in indices})
        # A desk's pace: some hundred requests a minute, not as fast as it goes.
        self._ending.wait(0.5)

    def _grpc(self) -> None:
        from services.contracts.deskstream.v1.intake_pb2_grpc import IntakeServiceStub

        index = next(self._numbers)
        asked = SubmitRequest(draft=draft(self.run, index, self._stage.now()))
        with channel(self._stage.env["DESKSTREAM_GRPC_TARGET"], self._token, deadline=30) as opened:
            desk = IntakeServiceStub(opened)
            while True:
                try:
                    self.taken[asked.draft.source_id] = desk.Submit(asked).number
                    break
                except grpc.RpcError as error:
                    self.codes.add(error.code().name)
                    if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                        raise
                    self._ending.wait(0.2)
        self._ending.wait(0.1)

    def _http(self) -> None:
        index = next(self._numbers)
        asked = draft(self.run, index, self._stage.now())
        proof = {"Authorization": f"Bearer {self._token}"}
        with httpx.Client(base_url=self._stage.env["DESKSTREAM_PUBLIC_URL"], headers=proof, timeout=30) as client:
            while True:
                try:
                    told = client.post("/api/v1/requests", json=MessageToDict(asked))
                except httpx.TransportError:
                    self.codes.add("http: no answer")
                else:
                    if told.is_success:
                        self.taken[asked.source_id] = told.json()["number"]
                        break
                    self.codes.add(f"http: {told.status_code}")
                    assert told.status_code in (502, 503, 504), told.text
                self._ending.wait(0.2)
        self._ending.wait(0.1)
