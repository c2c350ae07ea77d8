"""The auditor's one row: which replica audits, and what trouble stands. Changed by compare-and-set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bson.codec_options import CodecOptions
from pymongo.database import Database

from services.runtime.mongo import Row, available, insert_new, swap

_ID = "auditor"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTC: CodecOptions[Row] = CodecOptions(tz_aware=True, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Post:
    """Who audits until when, and the trouble that stands. `version` rises with every change."""

    version: int = 0
    holder: str = ""
    until: datetime = _EPOCH
    since: datetime | None = None
    """When the trouble was found; None while there is none."""
    steps: int = 0
    oldest: datetime | None = None
    numbers: tuple[str, ...] = ()
    over: bool = False
    """Whether what is owed is that the trouble `since` is over."""
    owed: bool = False
    """Whether the stream has yet to hear of it."""


class Posts:
    """The row in the database; with another name of its own in each process."""

    def __init__(self, database: Database[Row]) -> None:
        self._rows = database.get_collection("audit", codec_options=_UTC)

    def read(self) -> Post:
        """The row as it stands; a free one when there is none."""
        with available():
            row: dict[str, Any] | None = self._rows.find_one({"_id": _ID})
        if row is None:
            return Post()
        return Post(
            row["v"], row["holder"], row["until"], row.get("since"), row["steps"], row.get("oldest"),
            tuple(row["numbers"]), row["over"], row["owed"],
        )  # fmt: skip

    def change(self, seen: Post, after: Post) -> Post | None:
        """`after` with its new version, or None when somebody changed what was seen."""
        kept = replace(after, version=seen.version + 1)
        row = {
            "v": kept.version,
            "holder": kept.holder,
            "until": kept.until,
            "since": kept.since,
            "steps": kept.steps,
            "oldest": kept.oldest,
            "numbers": list(kept.numbers),
            "over": kept.over,
            "owed": kept.owed,
        }
        if seen.version == 0:
            return None if insert_new(self._rows, [{"_id": _ID, **row}]) else kept
        return kept if swap(self._rows, _ID, seen.version, {"$set": row}) else None
