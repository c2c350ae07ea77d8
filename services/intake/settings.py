"""What intake reads from the environment besides what every service does. Secrets come from here only."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from services.runtime.settings import Settings


class IntakeSettings(Settings):
    """DESKSTREAM_* of intake."""

    pbx_secret: SecretStr = SecretStr("")
    """Shared with the telephone exchange; empty: its hook refuses everybody."""
    dingtalk_token: SecretStr = SecretStr("")
    dingtalk_aes_key: SecretStr = SecretStr("")
    """EncodingAESKey, 43 characters."""
    dingtalk_owner: str = ""
    """App key (or corp id) of the DingTalk application; empty: its hook refuses everybody."""
    dingtalk_profile: str = ""
    """Profile of requests that come by DingTalk; empty: the default one."""
    smtp_bind: str = "127.0.0.1:2525"
    smtp_addresses: str = ""
    """"address=profile" with commas, besides each profile's own contact point "email"."""
    attachments_dir: Path = Path(".run/attachments")
    attachments_max_bytes: int = Field(default=10 * 1024**3, ge=0)
    """The folder takes no more than this; mails that need more are put off (451)."""
    number_block: int = Field(default=500, ge=1, le=100_000)
    relay_seconds: float = Field(default=2.0, gt=0)
