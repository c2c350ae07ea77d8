"""Nouns of the watch (section 5.11 of the requirements, ADR 21). Everything kept is an `Entry` about one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar, Literal

Mode = Literal["normal", "outage", "recovering"]
ContactState = Literal["entered", "owed", "done"]
NoticeState = Literal["published", "ended", "withdrawn"]
TaskState = Literal["open", "taken", "done"]
InspectionState = Literal["due", "done", "missed", "late"]

FINDING_TASKS = ("impact_check", "notice", "statistics")
"""What the shift leader sees to after an abnormal finding (H4)."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who did something, and under which neutral role."""

    id: str
    role: str = ""


SYSTEM = Who("service:watch", "system")


@dataclass(frozen=True, slots=True)
class Outage:
    """The desk cannot work as usual (系统或线路故障, H8). `paper` is what people counted, None until they did."""

    kind: ClassVar[str] = "outage"
    mode: Mode
    what: str
    began_at: datetime
    began_by: Who
    recovering_at: datetime | None = None
    recovering_by: Who | None = None
    ended_at: datetime | None = None
    paper: int | None = None
    explanation: str = ""

    @property
    def at(self) -> datetime:
        """Where it stands in its list."""
        return self.began_at

    @property
    def open(self) -> bool:
        """Whether it still asks for something."""
        return self.mode != "normal"


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody served on paper, entered afterwards (事后补录, H9) and called first (H10).

    `brief` is a serialised TicketBrief for the callback."""

    kind: ClassVar[str] = "contact"
    outage: str
    number: str
    brief: bytes
    received_at: datetime
    entered_at: datetime
    recorder: str
    state: ContactState = "entered"
    done_at: datetime | None = None
    outcome: str = ""

    @property
    def at(self) -> datetime:
        """Where it stands in its list."""
        return self.received_at

    @property
    def open(self) -> bool:
        """Whether it still asks for something."""
        return self.state != "done"


@dataclass(frozen=True, slots=True)
class Notice:
    """Notice to the public, shown while its window lasts (H12)."""

    kind: ClassVar[str] = "notice"
    area: str
    starts_at: datetime
    ends_at: datetime
    zh: str
    en: str
    channels: tuple[str, ...]
    by: Who
    at: datetime
    state: NoticeState = "published"
    ended_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it still asks for something."""
        return self.state == "published"

    def shown(self, now: datetime, channel: str) -> bool:
        """Whether it is shown there at the instant; the end of the window needs no timer to be kept."""
        return self.open and self.starts_at <= now < self.ends_at and channel in self.channels


@dataclass(frozen=True, slots=True)
class FindingTask:
    """One of the three things an abnormal finding asks for."""

    key: str
    state: TaskState = "open"
    owner: str = ""
    done_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What somebody who watches has seen (H4)."""

    kind: ClassVar[str] = "finding"
    source: str
    system: str
    what: str
    abnormal: bool
    at: datetime
    by: Who
    tell: str
    tasks: tuple[FindingTask, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it still asks for something."""
        return any(task.state != "done" for task in self.tasks)


@dataclass(frozen=True, slots=True)
class Inspection:
    """One turn of a schedule (H5, H11)."""

    kind: ClassVar[str] = "inspection"
    schedule: str
    sort: str
    zh: str
    en: str
    opens_at: datetime
    due_at: datetime
    persons: tuple[str, ...]
    tell: tuple[str, ...]
    state: InspectionState = "due"
    done_at: datetime | None = None
    by: Who | None = None
    abnormal: bool = False
    note: str = ""

    @property
    def at(self) -> datetime:
        """Where it stands in its list."""
        return self.opens_at

    @property
    def open(self) -> bool:
        """Whether it still asks for something."""
        return self.state in ("due", "missed")


@dataclass(frozen=True, slots=True)
class Surge:
    """More calls than the desk can take (H16)."""

    kind: ClassVar[str] = "surge"
    began_at: datetime
    calls: int
    threshold: int
    window: int
    ended_at: datetime | None = None

    @property
    def at(self) -> datetime:
        """Where it stands in its list."""
        return self.began_at

    @property
    def open(self) -> bool:
        """Whether it still asks for something."""
        return self.ended_at is None


About = Outage | Contact | Notice | Finding | Inspection | Surge


@dataclass(frozen=True, slots=True)
class Word:
    """One message as it was or will be said; body is a serialised WatchEvent."""

    id: str
    key: str
    body: bytes
    at: datetime
    cause: str = ""
    actor: str = ""
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept: one noun with its version, the words it said and those it still owes."""

    id: str
    profile: str
    about: About
    version: int = 1
    words: tuple[Word, ...] = ()
    unsaid: tuple[str, ...] = ()

    @property
    def shelf(self) -> str:
        """Where it is listed: with its kind and profile, contacts with their outage."""
        about = self.about
        return shelf_of(about.kind, about.outage if isinstance(about, Contact) else self.profile)

    @property
    def place(self) -> str:
        """Its place on the shelf, by time."""
        return f"{self.shelf}{self.about.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f} {self.id}"

    @property
    def live(self) -> str:
        """Its place among what still asks for something; empty when nothing is left to do."""
        if not self.about.open:
            return ""
        state = f"{self.about.state}/" if isinstance(self.about, Contact) else ""
        return self.shelf + state + self.place.removeprefix(self.shelf)

    @property
    def wake(self) -> datetime | None:
        """When the timer has to look at it."""
        if isinstance(self.about, Inspection) and self.about.state == "due":
            return self.about.due_at
        if isinstance(self.about, Notice) and self.about.open:
            return self.about.ends_at
        return None

    def now(self, about: About) -> Entry:
        """The next version of it."""
        return replace(self, about=about, version=self.version + 1)

    def with_word(self, word: Word, *, owed: bool) -> Entry:
        """The same with one more word; owed when only the relay could say it after a crash."""
        return replace(self, words=(*self.words, word), unsaid=(*self.unsaid, word.id) if owed else self.unsaid)


def shelf_of(kind: str, owner: str) -> str:
    """Beginning of the places of a profile's (or, of contacts, an outage's) entries of a kind."""
    return f"{kind}/{owner}/"
