"""People, customers, projects and labels by what one has at hand; every look-up is one dict read."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers

from services.kernel.errors import Missing
from services.profile.schema import (
    Calendar,
    Customer,
    Entry,
    Grade,
    Label,
    Person,
    Profile,
    Project,
    RequestType,
    Team,
)

REGION = "CN"


@lru_cache(maxsize=4096)
def normal_phone(raw: str, region: str = REGION) -> str:
    """A telephone number in E.164 ("+8613800138000"), or "" when it is no possible number (keep the raw text)."""
    try:
        number = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normal_email(raw: str) -> str:
    """An address for comparing: trimmed, lower case."""
    return raw.strip().lower()


class Lookups:
    """Indexes over one profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        organisation = profile.organisation
        self.people: dict[str, Person] = {each.id: each for each in organisation.people}
        self.teams: dict[str, Team] = {each.id: each for each in organisation.teams}
        self.projects: dict[str, Project] = {each.id: each for each in organisation.projects}
        self.customers: dict[str, Customer] = {each.id: each for each in organisation.customers}
        self.types: dict[str, RequestType] = {each.key: each for each in profile.types}
        self.grades: dict[str, Grade] = {each.key: each for each in profile.grading.grades}
        self.entries: dict[str, Entry] = {each.key: each for each in profile.entries}
        self._by_phone = {
            normal: each for each in organisation.customers for phone in each.phones if (normal := normal_phone(phone))
        }
        self._by_email = {normal_email(email): each for each in organisation.customers for email in each.emails}
        self._by_im = {im.strip(): each for each in organisation.customers for im in each.ims}
        self._members = {
            team: tuple(person for person in organisation.people if team in person.teams) for team in self.teams
        }
        self._families: dict[str, str] = {each.name: each.family for each in profile.sla.clocks}
        self._named = {each.name: each.label for each in profile.sla.clocks}
        self._named |= {each.name: each.label for each in profile.sla.alarms}
        self._holders = {
            role: tuple(person for person in organisation.people if role in person.roles) for role in profile.roles
        }

    def family(self, clock: str) -> str:
        """What a clock is about, such as "response"; empty for what is no clock."""
        return self._families.get(clock, "")

    def customer_by_phone(self, raw: str) -> Customer | None:
        """The known customer of a number in any usual spelling (A10)."""
        return self._by_phone.get(normal_phone(raw)) if raw else None

    def customer_by_email(self, raw: str) -> Customer | None:
        return self._by_email.get(normal_email(raw))

    def customer_by_im(self, address: str) -> Customer | None:
        """By the address with its provider, "dingtalk:manager4220"."""
        return self._by_im.get(address.strip())

    def person(self, person_id: str) -> Person:
        """Missing when the profile has nobody of that id."""
        if person_id not in self.people:
            raise Missing(f'There is no person "{person_id}" in profile {self.profile.profile.name}.')
        return self.people[person_id]

    def project(self, project_id: str) -> Project:
        """Missing when the profile has no such project (C3)."""
        if project_id not in self.projects:
            known = ", ".join(self.projects) or "none"
            raise Missing(f'There is no project "{project_id}"; name one of: {known}.')
        return self.projects[project_id]

    def members(self, team: str) -> tuple[Person, ...]:
        """People of a team, in the order of the profile."""
        return self._members.get(team, ())

    def holders(self, role: str) -> tuple[Person, ...]:
        """People with a neutral role, on duty or not."""
        return self._holders.get(role, ())

    def calendar(self, name: str) -> Calendar:
        if name not in self.profile.calendars:
            raise Missing(f'There is no calendar "{name}" in profile {self.profile.profile.name}.')
        return self.profile.calendars[name]

    def label(self, kind: str, key: str, language: str = "zh-CN") -> str:
        """What people read for a "type", "grade", "entry", "state", "role", "team", "project", "clock" (or alarm).

        The key itself when the profile has no such thing, so that a report over old versions still prints.
        """
        return label.in_language(language) if (label := self._label(kind, key)) else key

    def _label(self, kind: str, key: str) -> Label | None:
        match kind:
            case "type":
                return self.types[key].label if key in self.types else None
            case "grade":
                return self.grades[key].label if key in self.grades else None
            case "entry":
                return self.entries[key].label if key in self.entries else None
            case "state":
                state = self.profile.states.get(key)
                return Label(zh=state.zh, en=state.en) if state else None
            case "role":
                return self.profile.roles.get(key)
            case "team":
                return self.teams[key].name if key in self.teams else None
            case "project":
                return self.projects[key].name if key in self.projects else None
            case "clock":
                if key == "commitment":
                    return Label(zh="承诺", en="Promise")
                return self._named.get(key)
            case _:
                return None
