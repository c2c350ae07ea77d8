"""A server's own work, round by round: a failure ends one, a round may ask for the next one sooner."""

from __future__ import annotations

import threading

from structlog.testing import capture_logs

from services.kernel.errors import Unavailable
from services.runtime.rounds import Rounds
from tests.waiting import wait_for


def test_a_round_that_fails_is_told_and_the_next_one_comes():
    done = []

    def work() -> float:
        done.append(len(done))
        if len(done) == 1:
            raise Unavailable("The database does not answer.")
        if len(done) == 2:
            raise KeyError("a bug")
        return 0.01

    rounds = Rounds("auditor", 0.01, work)
    with capture_logs() as logs:
        rounds.start()
        wait_for(lambda: len(done) > 3, 10, "the rounds after the failures")
        rounds.stop()
    assert [each["log_level"] for each in logs] == ["warning", "error"]


def test_after_the_end_no_round_begins_and_the_last_one_is_waited_for():
    begun, may_end, ended = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        may_end.wait(10)
        ended.append(True)

    rounds = Rounds("auditor", 60, work)
    rounds.start()
    begun.wait(10)
    may_end.set()
    rounds.stop()
    assert ended == [True]


def test_a_round_may_ask_for_the_next_one_sooner():
    done = []

    def work() -> float | None:
        done.append(True)
        return 0.0 if len(done) < 3 else None

    rounds = Rounds("auditor", 3600, work)
    rounds.start()
    wait_for(lambda: len(done) == 3, 10, "three rounds")
    rounds.stop()
