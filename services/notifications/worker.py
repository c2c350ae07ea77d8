"""The nameko side of notifications: hears events, sends what is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.kernel.clock import Clock
from services.notifications.handlers import Notices
from services.notifications.sending import Sending
from services.runtime.bus import Given, batches, every
from services.runtime.duty_feed import EVERY, DutyFeed
from services.runtime.message import Heard, Said


@dataclass(frozen=True)
class Built:
    """What the worker is given."""

    notices: Notices
    sending: Sending
    clock: Clock
    duty: DutyFeed


class NotificationsWorker:
    """Entry points only."""

    name = "notifications"
    built: Built = Given()

    @batches(queue="notifications.events", size=200, wait_ms=20, prefetch=800)  # type: ignore[untyped-decorator]  # nameko ships no types
    def events(self, batch: Sequence[Heard]) -> Sequence[Said]:
        """Keep what the events send; nothing is said until it is sent."""
        self.built.notices.hear(batch, self.built.clock.now())
        return ()

    @batches(queue="notifications.duty", size=20, wait_ms=20, prefetch=40)  # type: ignore[untyped-decorator]
    def duty_changed(self, batch: Sequence[Heard]) -> Sequence[Said]:
        """Roles are written to as the filed roster has them (M28)."""
        return self.built.duty.hear(batch)

    @every(seconds=EVERY)  # type: ignore[untyped-decorator]
    def duty(self) -> Sequence[Said]:
        """Follow what another replica heard."""
        return self.built.duty.refresh()

    @every(seconds=0.1)  # type: ignore[untyped-decorator]
    def send(self) -> Sequence[Said]:
        """Carry what is due; that goes on while nothing can be said."""
        self.built.sending.send()
        return ()

    @every(seconds=0.1)  # type: ignore[untyped-decorator]
    def tell(self) -> Sequence[Said]:
        """Say how deliveries ended."""
        return self.built.sending.tell()
