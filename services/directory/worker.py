"""The directory on the stream (nameko)."""

from __future__ import annotations

from collections.abc import Iterable

from services.directory.announcing import Announcer
from services.runtime.bus import Given, every
from services.runtime.message import Said


class DirectoryWorker:
    """Says directory.profile_applied."""

    name = "directory"
    handlers: Announcer = Given()

    @every(seconds=5.0)  # type: ignore[untyped-decorator]
    def apply(self) -> Iterable[Said]:
        """Profiles are read at start; the ticks only say what a crash left unsaid."""
        return self.handlers.tick()
