"""A service killed with -9 at any point: no accepted request lost, no effect twice (decision 6)."""

from __future__ import annotations

import smtplib
import threading
from random import Random

import pytest

from deploy.local.play.channels import Channels
from deploy.local.play.stage import Stage
from services.notifications.model import CLAIM_FOR
from services.runtime.publisher import Publisher
from tests.faults.load import Lanes, missed_call, request
from tests.faults.truth import Truth, exactly_once, settled
from tests.waiting import wait_for

pytestmark = pytest.mark.faults
VICTIMS = ("intake", "dispatch", "sla", "callbacks", "notifications", "reporting")
PER_ROUND = 36


def test_workers_killed_again_and_again_lose_and_double_nothing(stage: Stage, truth: Truth, chance: Random) -> None:
    """H11: each of the six dies three times at random moments of its work, two of them at once."""
    run = f"killed{chance.randrange(10**6)}"
    taken: dict[str, str] = {}
    calls: set[str] = set()
    publisher = Publisher(stage.broker.uri, source="portal", clock=stage.clock)
    rounds = [
        tuple(victims[at : at + 2]) for victims in (chance.sample(VICTIMS, 6) for _ in range(3)) for at in (0, 2, 4)
    ]
    try:
        for count, pair in enumerate(rounds):
            before = {victim: truth.count(victim) for victim in pair}
            indices = range(count * PER_ROUND, (count + 1) * PER_ROUND)
            said = [request(run, index, stage.now()) for index in indices]
            for index in indices[::4]:
                said += missed_call(run, index, stage.now())
                calls.add(f"{run}-call-{index}")
            publisher.publish(said, timeout=30)
            taken.update({f"{run}-{index}": "" for index in indices})
            for victim in pair:
                enough = before[victim] + chance.randint(1, 8)
                wait_for(lambda victim=victim, enough=enough: truth.count(victim) >= enough, 60, f"{victim} to work")  # type: ignore[misc]
                stage.workers[victim].kill()
                # It is away for as long as it takes to start, so that the two are away together.
                stage.workers[victim].start()
    finally:
        publisher.close()
    for victim in VICTIMS:
        stage.workers[victim].wait_ready()
    # What the dead had in hand to send is theirs until their claim ends.
    receipts = settled(truth, run, taken, calls, lapse=lambda: stage.move(CLAIM_FOR))
    assert len(receipts) == len(rounds) * PER_ROUND
    exactly_once(truth, run, receipts, taken)
    due = [heard.id for heard in truth.log() if heard.key == "callback.due" and f"{run}-call-".encode() in heard.body]
    assert len(set(due)) == len(calls), "one callback falls due per missed call"


@pytest.mark.parametrize("door", ["server", "gateway"])
def test_a_door_killed_while_people_submit_keeps_every_number_it_gave(
    stage: Stage, truth: Truth, chance: Random, door: str
) -> None:
    """Decision 5: clients repeat under the same source id; a number once given stays."""
    run = f"{door}{chance.randrange(10**6)}"
    by_grpc = 3 * (door == "server")
    with Lanes(stage, run, stream=False, grpc_lanes=by_grpc, http_lanes=3 - by_grpc) as lanes:
        for _ in range(2):
            enough = len(lanes.taken) + chance.randint(15, 40)
            wait_for(lambda enough=enough: len(lanes.taken) >= enough, 60, "requests to be taken")  # type: ignore[misc]
            stage.process(door).kill()
            stage.process(door).start()
        stage.process(door).wait_ready()
        enough = len(lanes.taken) + 15
        wait_for(lambda: len(lanes.taken) >= enough, 60, "requests after the last restart")
    assert lanes.codes, "somebody met the closed door"
    assert all(lanes.taken.values()), "a number for everybody"
    exactly_once(truth, run, settled(truth, run, lanes.taken), lanes.taken)


def test_a_mail_door_killed_while_mails_arrive_opens_one_ticket_per_mail(
    stage: Stage, truth: Truth, chance: Random
) -> None:
    """A24: a mail server that got no answer sends the same Message-ID again."""
    run = f"mail{chance.randrange(10**6)}"
    accepted: list[str] = []
    channels = Channels(stage)
    ending = threading.Event()

    def write() -> None:
        while not ending.is_set():
            identity = f"<{run}-{len(accepted)}@corp.example>"
            while True:
                try:
                    channels.mail("lin.tao@corp.example", f"{run} {len(accepted)}", "打印机卡纸。", message_id=identity)
                    break
                except (OSError, smtplib.SMTPException):
                    ending.wait(0.1)
            accepted.append(identity)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        for _ in range(2):
            enough = len(accepted) + chance.randint(5, 15)
            wait_for(lambda enough=enough: len(accepted) >= enough, 60, "mails to be taken")  # type: ignore[misc]
            stage.process("smtp").kill()
            stage.process("smtp").start()
        stage.process("smtp").wait_ready()
        enough = len(accepted) + 5
        wait_for(lambda: len(accepted) >= enough, 60, "mails after the last restart")
    finally:
        ending.set()
        writer.join(60)
        channels.close()

    def receipts() -> dict[str, str]:
        found = truth.rows("intake", "receipts")
        told = {key: row["number"] for key, row in found.items() if run in key}
        assert len(told) == len(accepted)
        return told

    numbers = set(wait_for(receipts, 30, "a receipt per mail").values())
    assert len(numbers) == len(accepted)
    wait_for(lambda: len(truth.rows("dispatch", "tickets", numbers)) == len(numbers), 60, "a ticket per mail")
    wait_for(lambda: len(truth.rows("sla", "timelines", numbers)) == len(numbers), 60, "clocks per ticket")
    wait_for(lambda: numbers <= truth.facts().keys(), 60, "a row of facts per ticket")
    titles = {
        heard.subject for heard in truth.log() if heard.key == "ticket.opened" and f"{run} ".encode() in heard.body
    }
    assert titles == numbers
    assert truth.parked() == []
