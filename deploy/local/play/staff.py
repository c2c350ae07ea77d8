"""The people of the desk, each signed in as themselves and working over gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

from deploy.local.play.stage import Stage
from services.contracts.deskstream.v1 import callbacks_pb2 as callbacks
from services.contracts.deskstream.v1 import (
    callbacks_pb2_grpc,
    directory_pb2_grpc,
    dispatch_pb2_grpc,
    intake_pb2_grpc,
    notifications_pb2_grpc,
    reporting_pb2_grpc,
    sla_pb2_grpc,
)
from services.contracts.deskstream.v1 import dispatch_pb2 as dispatch
from services.contracts.deskstream.v1 import intake_pb2 as intake
from services.contracts.deskstream.v1 import sla_pb2 as sla
from services.contracts.deskstream.v1.ticket_pb2 import Ticket
from services.profile.load import load_all
from services.runtime.calls import channel
from services.runtime.identity import Principal, Signer


class Colleague:
    """One person with a token and the stubs of every service."""

    def __init__(self, target: str, token: str) -> None:
        self._channel: grpc.Channel = channel(target, token, deadline=20)
        self.token = token
        self.intake = intake_pb2_grpc.IntakeServiceStub(self._channel)
        self.dispatch = dispatch_pb2_grpc.DispatchServiceStub(self._channel)
        self.sla = sla_pb2_grpc.SlaServiceStub(self._channel)
        self.callbacks = callbacks_pb2_grpc.CallbackServiceStub(self._channel)
        self.notifications = notifications_pb2_grpc.NotificationServiceStub(self._channel)
        self.reporting = reporting_pb2_grpc.ReportingServiceStub(self._channel)
        self.directory = directory_pb2_grpc.DirectoryServiceStub(self._channel)

    def ticket(self, number: str) -> Ticket:
        """The ticket as it stands."""
        told: Ticket = self.dispatch.GetTicket(dispatch.GetTicketRequest(number=number)).ticket
        return told

    def act(self, number: str, action: str, *, target: str = "", reason: str = "", **values: str) -> Ticket:
        """Takes one step of the lifecycle on the version that stands now."""
        asked = dispatch.ActRequest(
            number=number,
            expected_version=self.ticket(number).version,
            action=action,
            target=target,
            reason=reason,
            values=values,
        )
        told: Ticket = self.dispatch.Act(asked).ticket
        return told

    def queue(self, name: str) -> Sequence[Ticket]:
        """The first page of a queue."""
        told: Sequence[Ticket] = self.dispatch.ListQueue(dispatch.ListQueueRequest(queue=name, page_size=200)).tickets
        return told

    def submit(self, draft: intake.RequestDraft) -> str:
        """Files a request for somebody, as an agent on the phone does."""
        return str(self.intake.Submit(intake.SubmitRequest(draft=draft)).number)

    def clocks(self, number: str) -> dict[str, Any]:
        """The clocks of a ticket by name; of the current cycle where a name occurs twice."""
        told = self.sla.GetClocks(sla.GetClocksRequest(number=number)).clocks
        return {clock.clock: clock for clock in sorted(told, key=lambda c: (c.cycle, c.generation))}

    def escalations(self, number: str) -> Sequence[Any]:
        """The escalations of a ticket."""
        told: Sequence[Any] = self.sla.GetClocks(sla.GetClocksRequest(number=number)).escalations
        return told

    def callback(self, task_id: str) -> Any:
        """A callback task."""
        return self.callbacks.GetTask(callbacks.GetTaskRequest(task_id=task_id)).task

    def complete(self, task_id: str, **answers: str) -> Any:
        """Calls the requester and writes down the answers."""
        task = self.callback(task_id)
        given = [callbacks.Answer(question=key, value=value) for key, value in answers.items()]
        asked = callbacks.CompleteRequest(task_id=task_id, expected_version=task.version, answers=given)
        return self.callbacks.Complete(asked).task

    def no_answer(self, task_id: str) -> Any:
        """An attempt that reached nobody."""
        task = self.callback(task_id)
        asked = callbacks.RecordAttemptRequest(task_id=task_id, expected_version=task.version, outcome="no_answer")
        return self.callbacks.RecordAttempt(asked).task

    def close(self) -> None:
        self._channel.close()


class Staff:
    """`staff("li.wei")`: that person, signed in. Tokens are signed with the installation's own key."""

    def __init__(self, stage: Stage, profiles: Sequence[str] = ("itss_desk", "generic_desk")) -> None:
        self._target = stage.env["DESKSTREAM_GRPC_TARGET"]
        self._signer = Signer.from_file(stage.keys / "token.jwk")
        loaded = load_all(stage.env["DESKSTREAM_POLICY_DIR"], profiles)
        self._people = {
            person.id: person for name in profiles for person in loaded.get(name).profile.organisation.people
        }
        self._signed_in: dict[str, Colleague] = {}

    def __call__(self, person_id: str) -> Colleague:
        if person_id not in self._signed_in:
            person = self._people[person_id]
            principal = Principal(person.id, person.name, frozenset(person.roles), frozenset(person.teams), person.unit)
            self._signed_in[person_id] = Colleague(self._target, self._signer.sign(principal))
        return self._signed_in[person_id]

    def close(self) -> None:
        for colleague in self._signed_in.values():
            colleague.close()
