"""What those who watch write down: findings with their tasks, turns of patrols, backups and maintenance."""

from __future__ import annotations

from dataclasses import replace

from services.kernel.errors import Missing
from services.watch import policy
from services.watch.model import FINDING_TASKS, Entry, Finding, FindingTask, Inspection, TaskState, Who, shelf_of
from services.watch.shelves import Person, Shelves

SOURCES = ("monitoring", "patrol")
_RECENT_TURNS = 500


class Logbook(Shelves):
    """Findings and inspections (H4, H5, H11)."""

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
