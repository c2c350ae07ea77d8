"""Values of dispatch."""

from __future__ import annotations

import dataclasses
from dataclasses import FrozenInstanceError

import pytest

from services.dispatch.model import Ticket, replace

BEFORE = Ticket("DS20250610-000001", "itss_desk", title="打印机", fields={"floor": "3"})


def test_a_changed_ticket_is_what_the_library_would_make_of_it() -> None:
    changed = replace(BEFORE, title="网络", version=2)
    assert changed == dataclasses.replace(BEFORE, title="网络", version=2)
    assert (BEFORE.title, BEFORE.version) == ("打印机", 0)


def test_a_ticket_gets_no_field_it_does_not_have_and_is_never_changed_in_place() -> None:
    with pytest.raises(TypeError, match="no field"):
        replace(BEFORE, colour="red")
    with pytest.raises(FrozenInstanceError):
        BEFORE.title = "网络"  # type: ignore[misc]
