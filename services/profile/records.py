"""The facets of records and flags: what is written down beside a ticket's own fields, and what asks for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from services.profile.facet import Facet, Label, Name

Fact = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}(\.[a-z][a-z0-9_]{0,62})?$")]


class RecordChoice(Facet):
    """One word a choice may have."""

    key: Name
    label: Label


class RecordField(Facet):
    """One field of a record. A field named "reason" is what the action gives as its reason."""

    name: Name
    label: Label
    help: Label | None = None
    """What the agent may read out (B23)."""
    kind: Literal["text", "choice", "time", "yes_no"] = "text"
    required: bool = False
    required_if: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    """Required, too, when these fields have one of these words: the details of a failed transfer (C20)."""
    choices: tuple[RecordChoice, ...] = ()
    expected: bool = False
    """The rules ask for a yes here: a record that says otherwise is kept and marked non-compliant (C19)."""


class Demand(Facet):
    """When an action asks for the record: "before begin of a risky ticket, with protected = yes" (E12)."""

    before: tuple[Name, ...] = Field(min_length=1)
    """Actions, in any flow of the profile."""
    when: dict[Fact, tuple[str, ...]] = Field(default_factory=dict)
    """Fact of the ticket to the words it may have: type, neutral_type, entry, channel, grade, path, project, a flag or
    extra field, or "record.field" of another record. Empty: always."""
    yes: tuple[Name, ...] = ()
    """Fields that must say yes."""


class RecordForm(Facet):
    """A kind of record (记录). The newest of each kind stands on the ticket, older ones in its history."""

    key: Name
    label: Label
    roles: tuple[Name, ...] = Field(min_length=1)
    """Neutral roles that may add it by itself; a step of the lifecycle that writes it asks for its own roles."""
    fields: tuple[RecordField, ...] = Field(default=(), max_length=20)
    event: Name = "noted"
    """Said as ticket.<event> when it is added by itself, so that notices can hear of it."""
    demanded: tuple[Demand, ...] = ()
    types: tuple[Name, ...] = ()
    """Only tickets of these types have it; empty: all."""
    tells_children: bool = False
    """Child tickets hear of it, so that their requesters can be told: the bulletin of an emergency (H14, O6)."""
    after_end: bool = False
    """May still be added once the ticket has ended, such as the correction of wrong information (E15)."""
    by_step: bool = False
    """Only a step of the lifecycle writes it: others rest on what it says, as the consent on the proposal (E7)."""
    source: str = ""

    @model_validator(mode="after")
    def _fields_known(self) -> RecordForm:
        known = {each.name for each in self.fields}
        for each in self.fields:
            if unknown := sorted(each.required_if.keys() - known):
                names = ", ".join(sorted(known))
                raise ValueError(f'{each.name} asks for "{unknown[0]}", which is no field here; name one of: {names}')
        return self

    def field(self, name: str) -> RecordField | None:
        """The field of that name."""
        return next((each for each in self.fields if each.name == name), None)


class Flag(Facet):
    """A yes or no about a ticket that rules may ask for: "risky", "beyond_authority" (C18, E12). Stored as "true"."""

    key: Name
    label: Label
    roles: tuple[Name, ...] = Field(min_length=1)
    """Neutral roles that may set it and take it back."""
