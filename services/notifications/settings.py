"""Environment of the notifications service, read once."""

from __future__ import annotations

from typing import Literal

from services.runtime.settings import Settings


class NotificationSettings(Settings):
    """DESKSTREAM_SMTP_* name the mail relay; DESKSTREAM_WEBHOOK_SECRET signs what webhooks get."""

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 2525
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_timeout: float = 10.0
    smtp_domain: str = ""
    """Right side of Message-IDs; the sender's domain when empty."""
    webhook_secret: str = ""
    """Shared with the receivers; empty: signed with an empty key, which proves nothing."""
    webhook_timeout: float = 10.0
    survey_days: int = 30
    """How long a survey link is good for, days of wall time."""
