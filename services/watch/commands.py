"""What people do with the desk's state. Load, decide, save, say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.kernel.errors import Missing, Refused
from services.profile.watch import WatchRules
from services.watch import policy, wording
from services.watch.handlers import settled
from services.watch.logbook import Logbook
from services.watch.model import Contact, Entry, Notice, Outage, Who, shelf_of
from services.watch.shelves import Person as Person

CHANNELS = ("agents", "web", "ivr")
MOST_SHOWN = 100
_MOST_NOTES = 10_000


@dataclass(frozen=True, slots=True)
class State:
    """How the desk stands at an instant (H8, H12, H16)."""

    profile: str
    rules: WatchRules
    outage: Entry | None
    surge: Entry | None
    notices: Sequence[Entry]


class Desk(Logbook):
    """Outage mode, who is owed a call after it, notices to the public; how the desk stands; and the logbook."""

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
            number = policy.next_number(self._entries.listed(shelf_of("outage", name), MOST_SHOWN))
            begun = Outage("outage", policy.text(what, "what"), now, by)
            return self._add(Entry(f"{name}-outage-{number}", name, begun), "watch.outage_started", by, now)
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
        if not self.sees(person, seen):
            raise Missing(f'There is no contact "{key[:120]}"; list them to see which there are.')
        policy.role_of(self._ruled(seen.profile)[1].outage.switched_by, person.roles)
        written = f"{policy.text(outcome, 'outcome')} ({person.id})"
        return settled(self._entries, key, written, self._clock.now()) or seen

    def sees(self, person: Person, entry: Entry) -> bool:
        """Not who is complained about: they do not learn who is called, nor that there is a complaint (C28)."""
        about = entry.about
        return not isinstance(about, Contact) or wording.accused_of(about) not in {person.id, person.name} - {""}

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
            channels=tuple(dict.fromkeys(notice.channels)) or CHANNELS,
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

    def contacts(self, outage: str, limit: int, before: str = "") -> Sequence[Entry]:
        """Contacts of an outage (H8, H9)."""
        self._one(outage, Outage)
        return self._page(shelf_of("contact", outage), limit, before)
