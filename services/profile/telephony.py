"""The facet of times on the telephone: waits on silence and noise, pace of speech (X16, I16, I18, I25).

Rings and seconds to answer are figures: `kpi`. No exchange is steered here; adapters and consoles read the profile.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.profile.facet import Duration, Facet


class Telephony(Facet):
    """What a rule book is silent about is null."""

    silence: tuple[Duration, ...] = ()
    """Waits, one after the other, while nothing is heard, before the agent hangs up."""
    noise: Duration | None = None
    """Wait on noise before the agent hangs up."""
    faint: Duration | None = None
    """Wait on a faint voice before the agent hangs up."""
    faint_callback: bool = False
    """Offer to call back when the voice is faint."""
    dead_air: Duration | None = None
    """Longest silence of the agent without a word to the caller."""
    speech_rate: Annotated[int, Field(ge=1)] | None = None
    """Characters a minute."""
    customer_releases_first: bool = False
    source: str = ""
