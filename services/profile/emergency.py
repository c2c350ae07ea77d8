"""The facet of emergencies (应急): strategies by situation, preventive entries, plans, who is told (H1-H3, H6, H15)."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from services.profile.facet import Facet, Label, Name, PersonId


class Situation(Facet):
    """A situation with its preventive measure and its strategy (应急策略, H2)."""

    key: Name
    label: Label
    prevention: Label
    strategy: Label
    plan: Name | None = None
    """The registered plan that says more."""
    source: str = ""


class PreventionType(Facet):
    """What preventive entries are about: application software, operating system ... (H3)."""

    key: Name
    label: Label


class PreventiveEntry(Facet):
    """What to do so that an event does not happen, by type and event (预防措施, H3)."""

    key: Name
    type: Name
    event: Label
    text: Label
    source: str = ""


class Plan(Facet):
    """A registered plan (应急处理预案, H15); the text itself is a document elsewhere."""

    key: Name
    title: Label
    owner: PersonId
    version: str = Field(min_length=1)
    review_by: date
    document: str = Field(min_length=1)
    """Where it is kept: a path, an address, or a number of the archive."""
    source: str = ""


class NoticeList(Facet):
    """Whom the word "leaders" means for some severities (报各级负责人, H6)."""

    grades: tuple[str, ...] = ()
    """Empty: every grade that no list before names, and tickets nobody has graded."""
    roles: tuple[Name, ...] = Field(min_length=1)


class PlaybookStep(Facet):
    """One step of an emergency as the playbook shows it; done once its record or its milestone is there."""

    key: Name
    label: Label
    record: Name | None = None
    milestone: Name | None = None
    clock: Name | None = None
    """Clock of the service levels whose limit says until when."""
    roles: tuple[Name, ...] = ()
    """Who does it."""
    source: str = ""


class EmergencyRecords(Facet):
    """Which record forms hold what the playbook shows."""

    strategy: Name = "strategy"
    bulletin: Name = "situation_bulletin"
    receipt: Name = "bulletin_receipt"
    support: Name = "support_action"
    measure: Name = "prevention_measure"


class Emergency(Facet):
    """How a desk deals with emergencies."""

    type: Name
    """The request type that is an emergency; its flow is that of section 5.10."""
    records: EmergencyRecords = EmergencyRecords()
    situations: tuple[Situation, ...] = Field(default=(), max_length=200)
    prevention_types: tuple[PreventionType, ...] = ()
    prevention: tuple[PreventiveEntry, ...] = Field(default=(), max_length=1000)
    plans: tuple[Plan, ...] = Field(default=(), max_length=200)
    leaders: tuple[NoticeList, ...] = ()
    unit_contacts: dict[str, tuple[PersonId, ...]] = Field(default_factory=dict)
    """Customers who hear bulletins for their unit (通知下达, O6)."""
    steps: tuple[PlaybookStep, ...] = ()

    def situation(self, key: str) -> Situation | None:
        """The situation of that key."""
        return next((each for each in self.situations if each.key == key), None)

    def plan(self, key: str) -> Plan | None:
        """The plan of that key."""
        return next((each for each in self.plans if each.key == key), None)

    def leaders_of(self, grade: str) -> tuple[str, ...]:
        """Roles to be told of an emergency of this grade; "" is one nobody has graded."""
        named = next((each for each in self.leaders if grade and grade in each.grades), None)
        found = named or next((each for each in self.leaders if not each.grades), None)
        return found.roles if found else ()

    def units_in(self, text: str) -> tuple[str, ...]:
        """Units named in a text with commas between (、 and ，too)."""
        parts = text.replace("，", ",").replace("、", ",").split(",")
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))

    def contacts_of(self, units: str) -> tuple[str, ...]:
        """Customers who hear for the units named."""
        contacts = (person for name in self.units_in(units) for person in self.unit_contacts.get(name, ()))
        return tuple(dict.fromkeys(contacts))

    def overdue_plans(self, today: date) -> tuple[Plan, ...]:
        """Plans whose review day has passed, the oldest first (H15)."""
        return tuple(sorted((p for p in self.plans if p.review_by < today), key=lambda p: (p.review_by, p.key)))

    def prevention_about(self, text: str = "", kind: str = "") -> tuple[PreventiveEntry, ...]:
        """Entries of a type, with every word in event, text, key or the name of the type; Chinese included (H3)."""
        labels = {each.key: each.label for each in self.prevention_types}
        words = text.casefold().split()
        return tuple(
            entry
            for entry in self.prevention
            if (not kind or entry.type == kind) and all(word in _said(entry, labels.get(entry.type)) for word in words)
        )


def _said(entry: PreventiveEntry, kind: Label | None) -> str:
    labels = [entry.event, entry.text, *([kind] if kind else [])]
    return " ".join([entry.key, *(text for label in labels for text in (label.zh, label.en))]).casefold()
