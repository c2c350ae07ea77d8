"""The clocks of a ticket from its history alone (回放): what they must have been at an instant, whoever looked when."""

from __future__ import annotations

from datetime import datetime

from services.sla.model import Clock, Facts, Rules
from services.sla.policy.steps import judge

CAUSE = "replay"


def replay(facts: Facts, rules: Rules, until: datetime) -> tuple[Clock, ...]:
    """The clocks at that instant, as if every step had been taken on time; `facts` as they were learned by then.

    The same as the clocks kept all along, but for what depends on who looked when: steps taken, what was told. Of a
    ticket whose facts no longer meet a clock's condition the kept ones show that the clock was there; these do not.
    """
    return judge(None, facts, rules, until, CAUSE).clocks
