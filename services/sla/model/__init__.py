"""Nouns of service levels: what is known of a ticket, its clocks, their escalations, what was said. All frozen."""

from services.sla.model.clocks import Clock as Clock
from services.sla.model.clocks import Effect as Effect
from services.sla.model.clocks import Escalation as Escalation
from services.sla.model.clocks import Rest as Rest
from services.sla.model.clocks import Status as Status
from services.sla.model.clocks import Timeline as Timeline
from services.sla.model.facts import Commitment as Commitment
from services.sla.model.facts import Cycle as Cycle
from services.sla.model.facts import Facts as Facts
from services.sla.model.facts import Hold as Hold
from services.sla.model.facts import Moment as Moment
from services.sla.model.facts import News as News
from services.sla.model.facts import Recalculation as Recalculation
from services.sla.model.facts import Regrade as Regrade
from services.sla.model.facts import TakenBack as TakenBack
from services.sla.model.rules import Rules as Rules
from services.sla.model.rules import Threshold as Threshold
