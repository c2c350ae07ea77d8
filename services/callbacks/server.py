"""The gRPC side of callbacks: the desk's queue and the requester's survey page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from services.callbacks.commands import Desk, Person
from services.callbacks.handlers import Rules
from services.callbacks.model import WITHOUT_SURVEY, Task
from services.callbacks.storage import queue_place
from services.callbacks.wording import message_of, question_of
from services.contracts.deskstream.v1 import callbacks_pb2 as pb
from services.contracts.deskstream.v1 import callbacks_pb2_grpc, sla_pb2
from services.runtime import rpc
from services.runtime.identity import Verifier
from services.runtime.rpc import caller

NAME = "deskstream.v1.CallbackService"
_PAGE, _LONGEST_PAGE = 50, 200


class CallbackServicer(callbacks_pb2_grpc.CallbackServiceServicer):
    """CallbackService of proto/deskstream/v1/callbacks.proto."""

    def __init__(self, desk: Desk, rules: Rules, verifier: Verifier) -> None:
        self._desk = desk
        self._rules = rules
        self._verifier = verifier

    def ListTasks(self, request: pb.ListTasksRequest, context: Any) -> pb.ListTasksResponse:
        """The caller's queue: open tasks for one of the caller's roles, those owed first (F14)."""
        size = min(request.page_size if request.page_size > 0 else _PAGE, _LONGEST_PAGE)
        person = _person()
        found = self._desk.queue(person, size, request.page_token, waiting=not request.callable_now)
        following = queue_place(found[-1]) if len(found) == size else ""
        shown = [message_of(task, private=True) for task in found if self._desk.sees(person, task)]
        return pb.ListTasksResponse(tasks=shown, next_page_token=following)

    def GetTask(self, request: pb.GetTaskRequest, context: Any) -> pb.GetTaskResponse:
        """One task and what is to be asked."""
        task = self._desk.read(_person(), request.task_id)
        return pb.GetTaskResponse(task=message_of(task, private=True), questions=self._questions(task, ""))

    def RecordAttempt(self, request: pb.RecordAttemptRequest, context: Any) -> pb.RecordAttemptResponse:
        """One try to reach the requester."""
        again = request.call_again_at.ToDatetime(UTC) if request.HasField("call_again_at") else None
        task = self._desk.record_attempt(
            _person(), request.task_id, request.expected_version, request.outcome, request.note, again
        )
        return pb.RecordAttemptResponse(task=message_of(task, private=True))

    def Complete(self, request: pb.CompleteRequest, context: Any) -> pb.CompleteResponse:
        """The answers of a call that reached the requester."""
        answers = [(answer.question, answer.value) for answer in request.answers]
        task = self._desk.complete(_person(), request.task_id, request.expected_version, answers, request.reason)
        return pb.CompleteResponse(task=message_of(task, private=True))

    def GetSurvey(self, request: pb.GetSurveyRequest, context: Any) -> pb.GetSurveyResponse:
        """What the page behind a survey link asks."""
        task = self._desk.survey(self._task_of(request.token))
        brief = sla_pb2.TicketBrief.FromString(task.brief)
        return pb.GetSurveyResponse(
            number=task.number,
            title=brief.title,
            questions=self._questions(task, request.language or brief.requester.language),
            answered=task.verdict is not None,
        )

    def AnswerSurvey(self, request: pb.AnswerSurveyRequest, context: Any) -> pb.AnswerSurveyResponse:
        """The requester answers; a repeated answer changes nothing and says so (F24)."""
        answers = [(answer.question, answer.value) for answer in request.answers]
        return pb.AnswerSurveyResponse(repeated=self._desk.answer(self._task_of(request.token), answers))

    def _task_of(self, token: str) -> str:
        return str(self._verifier.claims(token, "survey").get("task", ""))

    def _questions(self, task: Task, language: str) -> list[pb.Question]:
        profile = self._rules(task.profile)
        if profile.survey is None or task.kind in WITHOUT_SURVEY:
            return []
        language = language or profile.profile.language
        return [question_of(question, language) for question in profile.survey.questions]


def service(desk: Desk, rules: Rules, verifier: Verifier, close: Callable[[], None]) -> rpc.Service:
    """The service and who may call it; roles of single tasks are judged with the task (F3)."""
    return rpc.Service(
        add=callbacks_pb2_grpc.add_CallbackServiceServicer_to_server,
        servicer=CallbackServicer(desk, rules, verifier),
        name=NAME,
        allow={
            "ListTasks": "SIGNED_IN",
            "GetTask": "SIGNED_IN",
            "RecordAttempt": "SIGNED_IN",
            "Complete": "SIGNED_IN",
            # The link itself is the proof.
            "GetSurvey": "ANYONE",
            "AnswerSurvey": "ANYONE",
        },
        close=close,
    )


def _person() -> Person:
    principal = caller()
    return Person(principal.id, principal.roles, principal.name)
