"""The organisation facet: teams, people, customers, projects, duty and absences (Q-group, M21)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from services.profile.facet import Facet, Label, Name, PersonId


class Team(Facet):
    """A group that work is given to (班组); `lead` is one of the people."""

    id: Name
    name: Label
    lead: PersonId | None = None


class Person(Facet):
    """Someone who works at the desk; roles are neutral names (Q1)."""

    id: PersonId
    name: str
    roles: tuple[Name, ...]
    teams: tuple[Name, ...] = ()
    unit: str = ""
    skills: dict[str, int] = Field(default_factory=dict)
    language: Literal["zh-CN", "en"] = "zh-CN"
    addresses: dict[Literal["smtp", "webhook"], str] = Field(default_factory=dict)


class Customer(Facet):
    """A known requester, recognised by phone, email or IM address (A10)."""

    id: PersonId
    name: str
    department: str = ""
    unit: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    ims: tuple[str, ...] = ()
    external: bool = False
    language: Literal["zh-CN", "en"] = "zh-CN"


class Project(Facet):
    """A project has a manager and engineers (Q3, C3)."""

    id: Name
    name: Label
    manager: PersonId
    engineers: tuple[PersonId, ...] = ()
    team: Name


class Duty(Facet):
    """Who is on duty while a calendar is open (first roster); an absence names its substitute (M21)."""

    calendar: Name
    people: tuple[PersonId, ...]


class Absence(Facet):
    """Days, both included, on which a substitute stands in for somebody (M21)."""

    person: PersonId
    first: date
    last: date
    substitute: PersonId


class Organisation(Facet):
    """People of the desk (Q-group)."""

    teams: tuple[Team, ...]
    people: tuple[Person, ...]
    customers: tuple[Customer, ...] = ()
    projects: tuple[Project, ...] = ()
    duty: tuple[Duty, ...] = ()
    absences: tuple[Absence, ...] = ()
