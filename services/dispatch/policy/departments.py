"""The department that leads a ticket and those that support it (主责部门、协作部门, B16, C11)."""

from __future__ import annotations

from services.dispatch.model import Command, Ticket, replace
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.ends import listed
from services.kernel.errors import Refused

MOST_SUPPORTING = 20


def departments_named(desk: Desk, ticket: Ticket, command: Command) -> Ticket:
    """The ticket with its target as the one lead and `supporting_teams` (commas between) as its support.

    Without a target the lead stays; without the value the support stays, and an empty one clears it. The ticket goes
    to the team that leads; whoever holds it and is no member of that team lets it go.
    """
    lead = command.target.strip() or ticket.lead_team
    supporting = ticket.supporting_teams
    if "supporting_teams" in command.values:
        supporting = listed(command.values["supporting_teams"])
    supporting = tuple(team for team in supporting if team != lead or "supporting_teams" in command.values)
    if not lead:
        raise Refused(
            f"Ticket {ticket.number} has no lead department (主责部门); name the team as the target.", field="target"
        )
    for field, teams in (("target", (lead,)), ("supporting_teams", supporting)):
        unknown = [team for team in teams if team not in desk.teams]
        if unknown:
            known = ", ".join(desk.teams)
            raise Refused(f'"{unknown[0][:60]}" is no team of this desk; name one of: {known}.', field=field)
    if lead in supporting:
        raise Refused(
            f"{lead} leads (主责) and cannot support (协作) as well; leave it out of one.", field="supporting_teams"
        )
    if len(supporting) > MOST_SUPPORTING:
        raise Refused(f"A ticket has at most {MOST_SUPPORTING} supporting departments.", field="supporting_teams")
    after = replace(ticket, lead_team=lead, supporting_teams=supporting)
    if lead == ticket.lead_team:
        return after
    holder = desk.people.get(ticket.assignee)
    stays = holder is not None and lead in holder.teams
    return replace(after, team=lead, assignee=ticket.assignee if stays else "")
