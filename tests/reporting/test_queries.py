"""Reading while a rebuild puts another generation in place."""

from __future__ import annotations

import pytest

from services.kernel.errors import Unavailable
from tests.reporting.world import NOON, Desk, MemoryReports, MemoryViews, ticket


class Rebuilding(MemoryReports):
    """A store whose rebuild ends, and drops what was current, once somebody has begun to read."""

    def __init__(self, old: MemoryViews, new: MemoryViews, rebuilds: int = 1) -> None:
        super().__init__(old)
        self.new = new
        self.left = rebuilds

    def current(self) -> MemoryViews:
        asked = self.views
        if self.left:
            self.left -= 1
            self.views = self.new
            self.new = MemoryViews(f"{self.new.generation}+", self.new.tickets, self.new.contacts)
            # Dropped: whoever still reads it finds nothing.
            return MemoryViews(asked.generation)
        return asked


def rebuilding(rebuilds: int = 1) -> Desk:
    old, new = Desk().hears([ticket(n) for n in range(1, 30)]), Desk().hears([ticket(n) for n in range(1, 30)])
    new.store.views.generation = "1"
    return Desk(Rebuilding(old.store.views, new.store.views, rebuilds))


def test_a_report_is_never_read_from_a_generation_that_is_being_dropped() -> None:
    """T3: what a reader gets is whole."""
    assert rebuilding().report().tickets == 29
    assert rebuilding().reader.wallboard("", NOON).open == 29
    assert len(rebuilding().reader.lines("", "2026-11", "volume", numerator=True, now=NOON)) == 29


def test_an_export_that_a_rebuild_cut_short_fails_instead_of_looking_whole() -> None:
    """N12: totals equal the screen, or there is no file."""
    with pytest.raises(Unavailable, match="ask again"):
        list(rebuilding().reader.received("", "2026-11", NOON))


def test_endless_rebuilds_are_said_and_not_waited_for() -> None:
    with pytest.raises(Unavailable):
        rebuilding(1000).report()
