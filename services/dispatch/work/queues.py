"""Work queues of the teams (U3): declared for every team of the profiles when a worker starts."""

from __future__ import annotations

from services.dispatch.handlers import Desks
from services.kernel.errors import Unavailable
from services.runtime import topology
from services.runtime.bus_line import TROUBLE, connect


def declare_work_queues(uri: str, desks: Desks) -> None:
    """Makes work.<team> for each team; Unavailable when the broker does not answer."""
    teams = sorted({team for desk in desks.all() for team in desk.teams})
    try:
        connection = connect(uri, "dispatch work queues")
        try:
            topology.declare(connection, teams)
        finally:
            connection.close()
    except TROUBLE as error:
        raise Unavailable(f"The broker does not answer ({type(error).__name__}); it is tried again.") from error
