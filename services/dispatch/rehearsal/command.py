"""`deskstream explain` and `deskstream policy dry-run`: what the rules did, and what others would have done (C2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
from rich.console import Console
from rich.table import Table

from services.contracts.deskstream.v1 import dispatch_pb2, routing_pb2
from services.contracts.deskstream.v1.dispatch_pb2_grpc import DispatchServiceStub
from services.contracts.deskstream.v1.routing_pb2_grpc import RoutingServiceStub
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.rehearsing import Decided, Rehearsal, rehearse
from services.dispatch.rehearsal.decisions import days
from services.kernel.errors import Unavailable
from services.profile.applying import load_beside
from services.runtime.calls import channel, own_token
from services.runtime.settings import Settings

_MOST_RULES = 40
_NO_RULE = "(no rule matched)"


def explanation(settings: Settings, number: str, language: str, token: str) -> str:
    """Why the ticket went where it is, in words. Raises Unavailable with the server's sentence when it is refused."""
    with channel(settings.target("dispatch"), token or own_token(settings)) as line:
        try:
            request = dispatch_pb2.ExplainRequest(number=number, language=language)
            return DispatchServiceStub(line).Explain(request).text
        except grpc.RpcError as error:
            raise Unavailable(_sentence(error, settings)) from None


def dry_run(settings: Settings, folder: Path, first: str, last: str, token: str, console: Console) -> Rehearsal:
    """Judges the tickets of these days by the profile in the folder, prints what would be different."""
    days(first, last)
    loaded = load_beside(folder, settings.policy_dir)
    desk = Desk(loaded.profile, loaded.version, loaded.roster)
    with channel(settings.target("dispatch"), token or own_token(settings)) as line:
        found = rehearse(desk, _decisions(line, desk.name, first, last, settings))
    tell(found, desk, first, last, console)
    return found


def _decisions(line: grpc.Channel, profile: str, first: str, last: str, settings: Settings) -> Iterator[Decided]:
    request = routing_pb2.ListDecisionsRequest(profile=profile, to=last, **{"from": first})
    try:
        for told in RoutingServiceStub(line).ListDecisions(request):
            yield Decided(told.number, told.decision.team, told.decision.rule, dict(told.decision.facts))
    except grpc.RpcError as error:
        raise Unavailable(_sentence(error, settings)) from None


def tell(found: Rehearsal, desk: Desk, first: str, last: str, console: Console) -> None:
    """The rehearsal as people read it: how many go elsewhere, rules before and after, examples."""
    console.print(
        f"{found.judged} ticket(s) of {desk.name} from {first} to {last}, judged by {desk.version}: "
        f"{found.moved} would go to another team, {found.other_rule} to the same team by another rule.",
        highlight=False,
    )
    if found.incomplete:
        console.print(
            f"{found.incomplete} of them were decided when fewer facts were kept; "
            "what a rule asks beyond those counts as not given.",
            highlight=False,
        )
    if not found.judged:
        return
    rules = sorted({*found.before, *found.after}, key=lambda rule: (-found.after[rule], -found.before[rule], rule))
    table = Table("Rule", "Before", "After", title="Tickets by rule", title_justify="left")
    for rule in rules[:_MOST_RULES]:
        table.add_row(rule or _NO_RULE, str(found.before[rule]), str(found.after[rule]))
    console.print(table)
    if len(rules) > _MOST_RULES:
        console.print(f"and {len(rules) - _MOST_RULES} more rules", highlight=False)
    if not found.moved:
        return
    table = Table("From", "To", "Tickets", title="Moves", title_justify="left")
    for (old, new), count in found.moves.most_common(_MOST_RULES):
        table.add_row(old, new, str(count))
    console.print(table)
    table = Table("Ticket", "Went to", "By", "Would go to", "By", title="Examples", title_justify="left")
    for move in found.examples:
        table.add_row(move.number, move.team, move.rule or _NO_RULE, move.new_team, move.new_rule or _NO_RULE)
    console.print(table)


def _sentence(error: grpc.RpcError, settings: Settings) -> str:
    """What the server said; its own words are sentences with a remedy, gRPC's are not."""
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return f"Dispatch does not answer at {settings.target('dispatch')}; start it or set DESKSTREAM_GRPC_TARGET."
    return str(error.details())
