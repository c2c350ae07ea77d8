"""What people do with the desk's state. Load, decide, save, say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from services.kernel.clock import Clock
from services.kernel.errors import Missing, Refused
from services.profile.watch import WatchRules
from services.watch import policy, wording
from services.watch.handlers import Entries, Rules, changed, settled
from services.watch.model import (
    FINDING_TASKS,
    About,
    Contact,
    Entry,
    Finding,
    FindingTask,
    Inspection,
    Notice,
    Outage,
    TaskState,
    Who,
    shelf_of,
)

CHANNELS = ("agents", "web", "ivr")
SOURCES = ("monitoring", "patrol")
MOST_SHOWN = 100
_MOST_NOTES = 10_000
_RECENT_TURNS = 500


class Saying(Protocol):
    """Says what an entry still owes and marks it; it never fails, for what it cannot say now the relay says later."""

    def __call__(self, entry: Entry) -> None: ...


@dataclass(frozen=True, slots=True)
class Person:
    """A verified caller."""

    id: str
    roles: Collection[str]


@dataclass(frozen=True, slots=True)
class State:
    """How the desk stands at an instant (H8, H12, H16)."""

    profile: str
    rules: WatchRules
    outage: Entry | None
    surge: Entry | None
    notices: Sequence[Entry]


class Desk:
    """Commands and queries."""

    def __init__(self, entries: Entries, rules: Rules, clock: Clock, named: wording.Named, say: Saying) -> None:
        self._entries = entries
        self._rules = rules
        self._clock = clock
        self._named = named
        self._say = say

    def state(self, profile: str) -> State:
        """The desk as it stands now."""
        name, rules = self._ruled(profile)
        outage = self._living("outage", name)
        return State(name, rules, outage, self._living("surge", name), self.shown(name, "agents"))

    def shown(self, profile: str, channel: str) -> Sequence[Entry]:
        """Notices shown there at this moment, those that began first in front (H12)."""
        now = self._clock.now()
        found = self._entries.living(shelf_of("notice", self._ruled(profile)[0]), MOST_SHOWN)
        return [entry for entry in found if isinstance(entry.about, Notice) and entry.about.shown(now, channel)]

    def switch_outage(self, person: Person, profile: str, on: bool, what: str) -> Entry:
        """Switches outage mode on, or over to recovering (H8). Switching to what stands already changes nothing."""
        name, rules = self._ruled(profile)
        by, now = Who(person.id, policy.role_of(rules.outage.switched_by, person.roles)), self._clock.now()
        standing = self._living("outage", name)
        if standing is None:
            if not on:
                raise Refused("Outage mode is off; there is nothing to recover from.", code="conflict")
            last = next((int(e.id.rpartition("-")[2]) for e in self._entries.listed(shelf_of("outage", name), 1)), 0)
            begun = Outage("outage", policy.text(what, "what"), now, by)
            return self._add(Entry(f"{name}-outage-{last + 1}", name, begun), "watch.outage_started", by, now)
        about = standing.about
        assert isinstance(about, Outage)  # noqa: S101 - its shelf holds no other
        if on == (about.mode == "outage"):
            return standing
        if on:
            # The system fails again before everybody was called: the same outage goes on, with its list.
            again = replace(about, mode="outage", recovering_at=None, recovering_by=None)
            return self._save(standing, again, "watch.outage_started", by, now)
        over = replace(about, mode="recovering", recovering_at=now, recovering_by=by)
        return self._save(standing, over, "watch.outage_recovering", by, now)

    def set_paper_count(self, person: Person, key: str, count: int, explanation: str) -> Entry:
        """How many contacts stand on paper, and why the entered ones differ (H9). Also once the outage has ended."""
        seen = self._one(key, Outage)
        policy.role_of(self._ruled(seen.profile)[1].outage.switched_by, person.roles)
        why = policy.text(explanation, "explanation", needed=False)
        if not 0 <= count <= _MOST_NOTES:
            raise policy.refusal("count", f"份数须在0至{_MOST_NOTES}之间", f"give a count from 0 to {_MOST_NOTES}")

        def counted(entry: Entry) -> Entry:
            assert isinstance(entry.about, Outage)  # noqa: S101
            return entry.now(replace(entry.about, paper=count, explanation=why))

        return self._change(key, counted)

    def counts(self, outage: str) -> tuple[int, int]:
        """Contacts of an outage that were entered, and those of them that wait for their call."""
        shelf = shelf_of("contact", outage)
        return self._entries.counted(shelf), self._entries.counted(shelf, live=True)

    def settle(self, person: Person, key: str, outcome: str) -> Entry:
        """A contact that was called otherwise or cannot be called at all; with what came of it (H10)."""
        seen = self._one(key, Contact)
        policy.role_of(self._ruled(seen.profile)[1].outage.switched_by, person.roles)
        written = f"{policy.text(outcome, 'outcome')} ({person.id})"
        return settled(self._entries, key, written, self._clock.now()) or seen

    def publish(self, person: Person, profile: str, notice: Notice, key: str) -> Entry:
        """Publishes a notice, once for an idempotency key (H12). `notice.by` and `.at` are filled in here."""
        name, rules = self._ruled(profile)
        by, now = Who(person.id, policy.role_of(rules.notices.published_by, person.roles)), self._clock.now()
        starts = max(notice.starts_at, now)
        if not starts < notice.ends_at <= starts + rules.notices.longest.as_timedelta:
            hours = rules.notices.longest.seconds // 3600
            raise policy.refusal(
                "ends_at",
                f"公告须在开始后{hours}小时内结束",
                f"let it end in the future, within {hours} hours of its begin",
            )
        if unknown := set(notice.channels) - set(CHANNELS):
            raise policy.refusal("channels", f"没有渠道{unknown}", f"name channels out of {', '.join(CHANNELS)}")
        checked = replace(
            notice,
            area=policy.text(notice.area, "area", most=200),
            zh=policy.text(notice.zh, "text_zh"),
            en=policy.text(notice.en, "text_en"),
            starts_at=starts,
            channels=notice.channels or CHANNELS,
            by=by,
            at=now,
        )
        return self._add(self._fresh(name, "notice", key, person, checked), "watch.notice_published", by, now)

    def withdraw(self, person: Person, key: str) -> Entry:
        """Ends a notice before its time."""
        seen = self._one(key, Notice)
        by = Who(person.id, policy.role_of(self._ruled(seen.profile)[1].notices.published_by, person.roles))
        about, now = seen.about, self._clock.now()
        assert isinstance(about, Notice)  # noqa: S101
        if not about.open:
            return seen
        gone = replace(about, state="withdrawn", ended_at=now)
        return self._save(seen, gone, "watch.notice_ended", by, now)

    def log_finding(self, person: Person, profile: str, finding: Finding, key: str) -> Entry:
        """An entry of a watcher; an abnormal one opens its tasks and is told to the shift leader at once (H4)."""
        name, rules = self._ruled(profile)
        by, now = Who(person.id, policy.role_of(rules.findings.logged_by, person.roles)), self._clock.now()
        if finding.source not in SOURCES:
            raise policy.refusal("source", "来源为 monitoring 或 patrol", f"the source is one of {', '.join(SOURCES)}")
        if finding.at > now:
            raise policy.refusal("found_at", "发现时间不能在将来", "it cannot have been found in the future")
        checked = replace(
            finding,
            system=policy.text(finding.system, "system", most=200),
            what=policy.text(finding.what, "what"),
            by=by,
            tell=rules.findings.tell,
            tasks=tuple(FindingTask(task) for task in FINDING_TASKS) if finding.abnormal else (),
        )
        entry = self._fresh(name, "finding", key, person, checked)
        return self._add(entry, "watch.finding" if finding.abnormal else "", by, now)

    def set_task(self, person: Person, key: str, task: str, state: str, note: str) -> Entry:
        """Somebody of the watch takes one of the finding's tasks, or has done it (H4)."""
        seen = self._one(key, Finding)
        rules, now = self._ruled(seen.profile)[1], self._clock.now()
        by = Who(person.id, policy.role_of((*rules.findings.logged_by, rules.findings.tell), person.roles))
        written = policy.text(note, "note", needed=False)
        if state not in ("taken", "done"):
            raise policy.refusal("state", "状态为 taken 或 done", "the state is taken or done")

        chosen: TaskState = "done" if state == "done" else "taken"

        def step(entry: Entry) -> Entry:
            assert isinstance(entry.about, Finding)  # noqa: S101
            return entry.now(policy.with_task(entry.about, task, chosen, by, written, now))

        return self._change(key, step)

    def record(self, person: Person, profile: str, schedule: str, key: str, abnormal: bool, note: str) -> Entry:
        """A turn of a schedule was done, in time or late, by those named or whoever is told of a missed one (H5, H11).

        Without `key`: the newest turn of the schedule that has opened and nobody recorded.
        """
        (name, _), now = self._ruled(profile), self._clock.now()
        if not key:
            found = self._entries.listed(shelf_of("inspection", name), _RECENT_TURNS)
            turns = [e for e in found if isinstance(e.about, Inspection) and e.about.schedule == schedule]
            # The one to come is laid out, too: without another it is refused with its time.
            turns.sort(key=lambda entry: entry.about.at > now)
            turns = [entry for entry in turns if entry.about.open]
            if not turns:
                raise Missing(f'No turn of "{schedule}" is open; list the inspections to see which there are.')
            key = turns[0].id
        seen = self._one(key, Inspection)
        about = seen.about
        assert isinstance(about, Inspection)  # noqa: S101
        role = "" if person.id in about.persons else policy.role_of(about.tell, person.roles)
        written = policy.text(note, "note", needed=abnormal)
        done = policy.recorded(about, Who(person.id, role), abnormal, written, now)
        if done.state == "late":
            return self._save(seen, done, "watch.recorded_late", Who(person.id, role), now)
        return self._save(seen, done, "", Who(person.id, role), now)

    def listed(self, kind: str, profile: str, limit: int, before: str, *, open_only: bool = False) -> Sequence[Entry]:
        """Entries of a profile, newest first; open ones oldest first."""
        shelf = shelf_of(kind, self._ruled(profile)[0])
        return self._page(shelf, limit, before, open_only=open_only)

    def contacts(self, outage: str, limit: int, before: str = "") -> Sequence[Entry]:
        """Contacts of an outage (H8, H9)."""
        self._one(outage, Outage)
        return self._page(shelf_of("contact", outage), limit, before)

    def end_of(self, kind: str, profile: str, instant: datetime) -> str:
        """The place on the shelf behind everything before the instant."""
        return f"{shelf_of(kind, self._ruled(profile)[0])}{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"

    def read(self, key: str, noun: type[About]) -> Entry:
        """One entry of a kind; Missing when there is none."""
        return self._one(key, noun)

    def _page(self, shelf: str, limit: int, token: str, *, open_only: bool = False) -> Sequence[Entry]:
        if token and not token.startswith(shelf):
            raise policy.refusal("page_token", "翻页标记无效", "take the page token of the page before")
        return (self._entries.living if open_only else self._entries.listed)(shelf, limit, token)

    def _ruled(self, profile: str) -> tuple[str, WatchRules]:
        rules = self._rules(profile)
        if rules is None:
            raise Missing(f'The desk "{profile}" keeps no watch; give its profile the facet watch.')
        return self._rules.name(profile), rules

    def _living(self, kind: str, profile: str) -> Entry | None:
        return next(iter(self._entries.living(shelf_of(kind, profile), 1)), None)

    def _one(self, key: str, noun: type[About]) -> Entry:
        found = self._entries.load([key]).get(key)
        if found is None or not isinstance(found.about, noun):
            raise Missing(f'There is no {noun.kind} "{key[:120]}"; list them to see which there are.')
        return found

    def _fresh(self, profile: str, kind: str, key: str, person: Person, about: About) -> Entry:
        """Its id comes from who asks and the key of the asking: asked again it is met again."""
        return Entry(
            self._named(f"{person.id}/{policy.text(key, 'idempotency_key', most=200)}", kind, profile, 0),
            profile,
            about,
        )

    def _add(self, entry: Entry, key: str, by: Who, now: datetime) -> Entry:
        if key:
            entry = entry.with_word(wording.word_about(entry, key, by, now, self._named), owed=True)
        if self._entries.add_new([entry], now):
            return self._entries.load([entry.id])[entry.id]
        self._say(entry)
        return entry

    def _save(self, seen: Entry, about: About, key: str, by: Who, now: datetime) -> Entry:
        new = seen.now(about)
        if key:
            new = new.with_word(wording.word_about(new, key, by, now, self._named), owed=True)
        if not self._entries.swap(seen, new, now):
            raise Refused("It has changed in the meantime; load it again.", code="stale")
        self._say(new)
        return new

    def _change(self, key: str, change: Callable[[Entry], Entry]) -> Entry:
        new = changed(self._entries, key, change, self._clock.now())
        assert new is not None  # noqa: S101 - it was read just before, and nothing is ever removed
        return new
