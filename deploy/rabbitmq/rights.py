"""What each kind of broker user may do. The broker checks it: a leaked adapter password cannot speak for dispatch."""

from __future__ import annotations

from dataclasses import dataclass

from services.runtime.topology import ANSWERS, LOG, TICKETS, work_queue

NOTHING = ""


def _exactly(*names: str) -> str:
    return "^(" + "|".join(name.replace(".", r"\.") for name in names) + ")$"


@dataclass(frozen=True, slots=True)
class Rights:
    """Regular expressions as `rabbitmqctl set_permissions` takes them; `says`: routing keys it may say, empty: any."""

    user: str
    who: str
    configure: str
    write: str
    read: str
    says: str = ""


# amq.gen: the queue, named by the broker, over which a dispatch server hears what its watchers wait for.
_OURS = r"^(deskstream|intake|dispatch|sla|callbacks|notifications|reporting|watch|work|amq\.gen)[.-]"


def rights(team: str) -> tuple[Rights, ...]:
    """The kinds of users; `team` is the team whose own tools take work over AMQP."""
    return (
        # Every process declares the topology when it connects, so a new version brings its queues along.
        Rights("deskstream", "workers, servers, the mail door, operators' commands", _OURS, _OURS, _OURS),
        Rights(
            "adapter",
            "channel adapters that publish to the stream",
            NOTHING,
            _exactly(TICKETS),
            NOTHING,
            says=r"^(request\.submitted\.[a-z]+|call\.[a-z]+)$",
        ),
        Rights(f"team-{team}", "a team's own tools", NOTHING, _exactly(ANSWERS), _exactly(work_queue(team).name)),
        Rights("dashboard", "readers of the whole stream", NOTHING, NOTHING, _exactly(LOG)),
    )


def commands(team: str, vhost: str = "/") -> list[str]:
    """The rabbitmqctl calls that make these users; each password is typed at a prompt, none stands in the call."""
    lines = []
    for one in rights(team):
        lines.append(f"rabbitmqctl add_user {one.user}")
        lines.append(f"rabbitmqctl set_permissions -p {vhost} {one.user} '{one.configure}' '{one.write}' '{one.read}'")
        if one.says:
            lines.append(f"rabbitmqctl set_topic_permissions -p {vhost} {one.user} {TICKETS} '{one.says}' ''")
    return lines
