"""The facet of promises: which times may be promised, by whom, how far ahead; when the owner is reminded (D8, O4)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.profile.facet import Duration, Facet, Label, Name


class Reminding(Facet):
    """When the owner of a promise is reminded: at a fraction of the time given, or a length of wall clock before."""

    fraction: Annotated[float, Field(gt=0, lt=1)] = 0.8
    before: Duration | None = None
    """Comes before the fraction, where the promise is longer than it."""


class CommitmentKind(Facet):
    """What may be promised: a reply, a contact, a refund, a measure against recurrence (H17)."""

    key: Name
    label: Label
    calendar: Name = "always"
    """Hours and days of a promise count on it: "2h" said to a customer means the clock on the wall."""
    working_days: Name | None = None
    """Calendar of "3wd"; the desk's service hours when unset."""
    roles: tuple[Name, ...] = ()
    """Who may promise it; empty: the roles of the facet."""
    owners: tuple[Name, ...] = ()
    """Roles that may have to keep it; empty: anybody of the staff."""
    measure: bool = False
    """A measure owed rather than a time given to a customer; overdue ones stand in the periodic report (H17)."""
    remind: Reminding | None = None
    source: str = ""


class Authority(Facet):
    """How far a promise may go, and who may go further (section 5.9: the supervisor, if beyond authority)."""

    roles: tuple[Name, ...] = ("supervisor",)
    """May promise any time."""
    ahead: Duration | None = None
    """Others promise no later than this from now; wall clock, or working days of the service hours."""
    flags: tuple[Name, ...] = ()
    """While one of them stands on a ticket, only `roles` promise a customer anything in it (C18)."""


class Commitments(Facet):
    """Promises of a desk; without kinds it keeps none."""

    kinds: tuple[CommitmentKind, ...] = ()
    roles: tuple[Name, ...] = ("specialist", "team_leader", "desk_manager", "supervisor")
    remind: Reminding = Reminding()
    authority: Authority = Authority()
    most: Annotated[int, Field(ge=1, le=200)] = 50
    """Of one ticket, whatever became of them."""
    source: str = ""

    def kind(self, key: str) -> CommitmentKind | None:
        """The kind of that key."""
        return next((each for each in self.kinds if each.key == key), None)
