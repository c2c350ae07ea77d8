"""Callback tasks in MongoDB: one document per task, with the words it said and those it still owes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mongoengine import BinaryField, DateTimeField, Document, DynamicDocument, IntField, ListField, StringField
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.database import Database

from services.callbacks.model import FIRST, OPEN, Answer, Attempt, Task, Verdict, Who, Word
from services.contracts.deskstream.v1 import callbacks_pb2
from services.runtime.message import Said
from services.runtime.mongo import Row, available, insert_new, swap


class CallbackRow(DynamicDocument):
    """How a task is stored. `wake`, `open`, `owes` exist only while they say something: their indexes stay small."""

    id = StringField(primary_key=True)
    v = IntField(required=True)
    status = StringField(required=True)
    roles = ListField(StringField())
    brief = BinaryField()
    due_at = DateTimeField()
    wake = DateTimeField()
    open = StringField()
    owes = DateTimeField()

    meta = {  # noqa: RUF012 - mongoengine's own way
        "db_alias": "callbacks",
        "collection": "tasks",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["wake"], "sparse": True},
            {"fields": ["open"], "sparse": True},
            {"fields": ["owes"], "sparse": True},
        ],
    }


DOCUMENTS: tuple[type[Document], ...] = (CallbackRow,)


class MongoTasks:
    """handlers.Tasks, and runtime.outbox.Unsaid, on one collection."""

    def __init__(self, database: Database[Row]) -> None:
        self._tasks: Collection[Row] = database["tasks"]

    def open_new(self, tasks: Sequence[Task]) -> set[str]:
        return insert_new(self._tasks, [_row(task, task.opened_at) for task in tasks])

    def load(self, ids: Sequence[str]) -> Mapping[str, Task]:
        if not ids:
            return {}
        with available():
            return {row["_id"]: _task(row) for row in self._tasks.find({"_id": {"$in": list(ids)}})}

    def swap(self, seen: Task, new: Task, now: datetime) -> bool:
        row = _row(new, now)
        key = row.pop("_id")
        gone = {field: "" for field in ("wake", "open", "owes") if field not in row}
        update: dict[str, Any] = {"$set": row, "$unset": gone} if gone else {"$set": row}
        return swap(self._tasks, key, seen.version, update)

    def waking(self, now: datetime, limit: int) -> Sequence[Task]:
        with available():
            rows = self._tasks.find({"wake": {"$lte": now}}).sort("wake", ASCENDING).limit(limit)
            return [_task(row) for row in rows]

    def callable_for(self, roles: Iterable[str], limit: int, after: str, *, waiting: bool) -> Sequence[Task]:
        bounds = {"$gt": after} if after else {"$gt": ""}
        wanted: Row = {"open": bounds, "roles": {"$in": sorted(roles)}}
        if not waiting:
            wanted["status"] = {"$in": ["due", "calling"]}
        with available():
            return [_task(row) for row in self._tasks.find(wanted).sort("open", ASCENDING).limit(limit)]

    def unsaid(self, older_than: datetime, limit: int) -> Sequence[tuple[str, Sequence[Said]]]:
        with available():
            rows = list(self._tasks.find({"owes": {"$lt": older_than}}).sort("owes", ASCENDING).limit(limit))
        tasks = [_task(row) for row in rows]
        return [
            (task.id, [as_said(word, task.number) for word in task.words if word.id in task.unsaid]) for task in tasks
        ]

    def mark_said(self, key: str, ids: Sequence[str]) -> None:
        """Beside the version: the state does not change, so a person's command is not made stale by it."""
        with available():
            self._tasks.update_one({"_id": key}, {"$pull": {"unsaid": {"$in": list(ids)}}})
            self._tasks.update_one({"_id": key, "unsaid": []}, {"$unset": {"owes": ""}})


def queue_place(task: Task) -> str:
    """Where the task stands in the queue; also the page token behind it. "!" sorts before every time (H10)."""
    return f"{'!' if task.kind in FIRST else ''}{task.due_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f} {task.id}"


def as_said(word: Word, number: str) -> Said:
    """A stored word as the bus says it."""
    return Said(
        key=word.key,
        body=callbacks_pb2.CallbackEvent.FromString(word.body),
        id=word.id,
        subject=number,
        time=word.at,
        cause=word.cause,
        actor=word.actor,
        traceparent=word.traceparent,
    )


def _row(task: Task, now: datetime) -> Row:
    row: Row = {
        "_id": task.id,
        "v": task.version,
        "kind": task.kind,
        "number": task.number,
        "profile": task.profile,
        "brief": task.brief,
        "opened_at": task.opened_at,
        "due_at": task.due_at,
        "roles": list(task.roles),
        "scale": task.scale,
        "status": task.status,
        "turn": task.turn,
        "not_before": task.not_before,
        "attempts": [[one.at, one.outcome, one.by.id, one.by.role, one.note] for one in task.attempts],
        "verdict": _verdict_row(task.verdict),
        "completed_at": task.completed_at,
        "completed_by": [task.completed_by.id, task.completed_by.role] if task.completed_by else None,
        "words": [[w.id, w.key, w.body, w.at, w.cause, w.actor, w.traceparent] for w in task.words],
        "unsaid": list(task.unsaid),
    }
    if task.not_before is not None:
        row["wake"] = task.not_before
    if task.status in OPEN:
        row["open"] = queue_place(task)
    if task.unsaid:
        row["owes"] = now
    return row


def _verdict_row(verdict: Verdict | None) -> Row | None:
    if verdict is None:
        return None
    return {
        "answers": [[one.question, one.value] for one in verdict.answers],
        "solved": verdict.solved,
        "satisfaction": verdict.satisfaction,
        "satisfied": verdict.satisfied,
    }


def _task(row: Row) -> Task:
    verdict, by = row["verdict"], row["completed_by"]
    return Task(
        id=row["_id"],
        kind=row["kind"],
        number=row["number"],
        profile=row["profile"],
        brief=bytes(row["brief"]),
        opened_at=row["opened_at"],
        due_at=row["due_at"],
        roles=tuple(row["roles"]),
        scale=row["scale"],
        version=row["v"],
        status=row["status"],
        turn=row["turn"],
        not_before=row["not_before"],
        attempts=tuple(Attempt(at, outcome, Who(who, role), note) for at, outcome, who, role, note in row["attempts"]),
        verdict=Verdict(
            tuple(Answer(question, value) for question, value in verdict["answers"]),
            verdict["solved"],
            verdict["satisfaction"],
            verdict["satisfied"],
        )
        if verdict
        else None,
        completed_at=row["completed_at"],
        completed_by=Who(*by) if by else None,
        words=tuple(Word(i, k, bytes(b), at, c, a, t) for i, k, b, at, c, a, t in row["words"]),
        unsaid=tuple(row["unsaid"]),
    )
