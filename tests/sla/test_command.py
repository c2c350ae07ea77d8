"""`deskstream sla` on a real database and a real broker, as an operator gives it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pika
import pytest
from typer.testing import CliRunner

from services.profile.load import load_all
from services.runtime import topology
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.message import Heard
from services.runtime.publisher import Publisher
from services.runtime.rpc import serve
from services.runtime.settings import Settings
from services.sla import compose
from services.sla.handlers import fire, hear
from services.sla.hearing import hear_all
from services.sla.rehearsal.command import app
from services.sla.rulebook import Rulebook
from services.sla.storage import MongoClocks
from services.sla.stream import say_all
from tests.profile.folders import copied
from tests.sla.stage import ticket_event

pytestmark = pytest.mark.real
M = timedelta(minutes=1)
DAY = datetime(2025, 3, 3, 1, tzinfo=UTC)
PROFILE = "it_callcentre_levels"


class Operator:
    """A policy, a database, a broker, and the command."""

    def __init__(self, amqp_uri: str, mongodb: Any, folder, open_database, monkeypatch) -> None:
        self.folder = folder
        (folder / "policy").mkdir()
        copied(folder / "policy", PROFILE)
        self.environment = {
            "AMQP_URI": amqp_uri,
            "MONGODB_URI": mongodb.uri,
            "DESKSTREAM_DATABASE_PREFIX": mongodb.prefix,
            "DESKSTREAM_POLICY_DIR": str(folder / "policy"),
            "DESKSTREAM_PROFILES": PROFILE,
            "DESKSTREAM_DEFAULT_PROFILE": PROFILE,
            "DESKSTREAM_TOKEN_PUBLIC_KEY": str(folder / "token.pub.jwk"),
            "DESKSTREAM_SERVICE_TOKEN": str(folder / "service.token"),
            "DESKSTREAM_GRPC_BIND": "127.0.0.1:0",
        }
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        self._amqp = amqp_uri
        self.store = MongoClocks(open_database(mongodb))
        self.store.ensure_indexes()
        self.book = Rulebook(load_all(folder / "policy", PROFILE))
        self.version = self.book(PROFILE).version
        with pika.BlockingConnection(pika.URLParameters(amqp_uri)) as connection:
            topology.declare(connection)

    def tell(self, number: str, *versions: dict[str, datetime], say: bool = True) -> None:
        """The ticket's versions, heard at once and said on the stream with what came of them."""
        events = []
        for place, milestones in enumerate(versions, 1):
            when = max(milestones.values())
            events.append(ticket_event(number, place, when, profile_version=self.version, **milestones))
        heard = [
            Heard(
                each.id,
                each.key,
                each.body.SerializeToString(),
                number,
                DAY,
                "",
                "",
                "",
                "",
                "application/protobuf",
                1,
                {},
            )
            for each in events
        ]
        news, causes = hear_all(heard, self.book)
        told = list(say_all(hear(self.store, self.book, news, max(versions[-1].values())), self.book, causes))
        if say:
            self.say([*events, *told])

    def say(self, messages) -> None:
        publisher = Publisher(self._amqp, source="deskstream/test")
        publisher.publish(messages, timeout=30)
        publisher.close()

    def changed(self, old: str, new: str):
        """A changed copy of the profile, somewhere else."""
        aside = self.folder / "aside"
        aside.mkdir(exist_ok=True)
        folder = copied(aside, PROFILE)
        text = (folder / "sla.yaml").read_text(encoding="utf-8")
        assert old in text
        (folder / "sla.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    def run(self, *arguments: str):
        return CliRunner().invoke(app, [*arguments], env={"COLUMNS": "200"})


@pytest.fixture
def operator(amqp_uri, mongodb_uri, tmp_path, open_database, monkeypatch) -> Operator:
    return Operator(amqp_uri, mongodb_uri, tmp_path, open_database, monkeypatch)


def test_what_other_limits_would_have_made_of_past_tickets_is_told_and_nothing_is_written(operator):
    """D18: a shorter response limit breaks what was answered after 20 minutes of 30."""
    for place, answered in enumerate((5, 20, 40), 1):
        operator.tell(f"DS20250303-{place:06d}", {"received": DAY, "responded": DAY + answered * M}, say=False)
    operator.tell("DS20250401-000001", {"received": DAY}, say=False)
    before = operator.store.read([f"DS20250303-{place:06d}" for place in (1, 2, 3)])
    folder = operator.changed("{default: 30m}", "{default: 10m}")
    told = operator.run("what-if", str(folder), "--from", "2025-03-03", "--to", "2025-03-31")
    assert told.exit_code == 0, told.output
    assert "3 ticket(s)" in told.stdout
    assert "1 would have come out otherwise" in told.stdout
    assert "response newly broken: DS20250303-000002" in told.stdout
    figures = json.loads(
        operator.run("what-if", str(folder), "--from", "2025-03-03", "--to", "2025-03-03", "--json").stdout
    )
    assert (figures["clocks"]["response"]["breaches_before"], figures["clocks"]["response"]["breaches_after"]) == (1, 2)
    assert operator.store.read(list(before)) == before


def test_a_folder_with_faults_is_told_as_policy_check_does(operator):
    folder = operator.changed("calendar: always", "calendar: nowhere")
    told = operator.run("what-if", str(folder), "--from", "2025-03-03", "--to", "2025-03-31")
    assert told.exit_code == 1
    assert "sla.yaml" in told.stdout
    backwards = operator.run("what-if", str(folder), "--from", "2025-03-31", "--to", "2025-03-03")
    assert backwards.exit_code == 1
    assert "earlier day first" in backwards.output


def test_a_replay_of_the_log_gives_the_clocks_that_are_kept_and_tells_what_was_altered(operator):
    """D21, D23: the stream's log of a ticket is its whole history."""
    answered = {"received": DAY, "responded": DAY + 20 * M}
    operator.tell("DS20250303-000001", {"received": DAY}, answered)
    operator.tell("DS20250303-000002", {"received": DAY})
    behind = operator.run("replay", "DS20250303-000002")
    assert behind.exit_code == 1
    assert "status is RUNNING, the history gives BREACHED" in behind.output
    now = datetime.now(UTC).replace(microsecond=0)
    fire(operator.store, operator.book, ["DS20250303-000001", "DS20250303-000002"], now, "timer/1")
    alike = operator.run("replay", "--all")
    assert alike.exit_code == 0, alike.output
    assert "2 ticket(s) replayed: 0 differ" in alike.stdout
    [kept] = operator.store.read(["DS20250303-000001"]).values()
    first = replace(kept.clocks[0], due_at=kept.clocks[0].due_at + M)
    operator.store.replace([replace(kept, revision=kept.revision + 1, clocks=(first, *kept.clocks[1:]))])
    altered = operator.run("replay", "DS20250303-000001")
    assert altered.exit_code == 1
    assert "clock response, cycle 0, generation 0: due_at is" in altered.output
    assert operator.run("replay", "--all", "--since", "2025-03-04").exit_code == 0
    assert operator.run("replay").exit_code == 2


@pytest.fixture
def served(operator, monkeypatch) -> Iterator[Operator]:
    """With a server, and a supervisor at the command line."""
    make_keys(operator.folder)
    settings = Settings()
    running = serve([compose.server(settings)], settings, Verifier.from_file(settings.token_public_key))
    monkeypatch.setenv("DESKSTREAM_GRPC_TARGET", f"127.0.0.1:{running.port}")
    person = Principal("sun.ning", "Sun Ning", frozenset({"supervisor"}))
    monkeypatch.setenv("DESKSTREAM_TOKEN", Signer.from_file(operator.folder / "token.jwk").sign(person))
    yield operator
    running.stop(0)


def test_an_operator_works_on_clocks_by_command(served):
    """D4, D14, D16, D18, D20: each command answers, and what is refused is one sentence."""
    number = "DS20250303-000001"
    served.tell(number, {"received": DAY})
    fire(served.store, served.book, [number], DAY + 31 * M, "timer/1")
    shown = served.run("clocks", number)
    assert shown.exit_code == 0, shown.output
    assert "breached" in shown.stdout
    assert served.version in shown.stdout
    assert number in served.run("at-risk").stdout
    assert "no clocks" in served.run("clocks", "DS1").output.lower()
    assert number in served.run("open").stdout
    due = served.run("preview", "response", "--profile", PROFILE, "--start", "2025-03-03T09:00:00+08:00")
    assert "due 2025-03-03 01:30:00 UTC" in due.stdout
    taken = served.run("acknowledge", f"{number}/response/0", "--reason", "calling")
    assert "acknowledged by sun.ning" in taken.stdout
    refused = served.run("pause", number, "response", "--reason", "customer")
    assert refused.exit_code == 1
    assert "permits no pauses" in refused.output
    unchanged = served.run("recalculate", number, "--reason", "contract")
    assert "0 of 1 ticket(s) recalculated" in unchanged.stdout
    every = served.run("recalculate", "--profile", PROFILE, "--open", "--reason", "contract", "--dry-run")
    assert "0 of 1 ticket(s) would be recalculated" in every.stdout
    assert served.run("recalculate", number, "--open").exit_code == 2
    same = served.run("diff", PROFILE, served.version)
    assert "0 difference(s)" in same.stdout
