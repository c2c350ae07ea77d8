"""README tells newcomers what is so: its examples are run as they stand against the platform's real processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from deploy.local.play.stage import Stage
from deploy.local.ports import Ports
from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.directory.compose import set_password_for_all
from services.runtime.envelope import pack
from services.runtime.legible import BODIES
from services.runtime.message import Said
from services.runtime.settings import Settings
from tests.waiting import wait_for

ROOT = Path(__file__).parents[1]
ENGLISH = (ROOT / "README.md").read_text("utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text("utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return [body for tag, body in FENCE.findall(page) if tag == language]


def prose(page: str) -> str:
    return FENCE.sub("", page)


def packages(file: str) -> set[str]:
    """Names of a .in file's own lines, without versions."""
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text("utf-8").splitlines()]
    return {re.split(r"[=<>\[ ]", line)[0] for line in lines if line and not line.startswith("-")}


def table(page: str, file: str) -> dict[str, str]:
    """Package and licence of the table that follows the mention of a .in file."""
    text = page[page.index(f"`{file}`") :]
    rows = text[text.index("|---|---|---|") :].split("\n\n")[0]
    return dict(re.findall(r"^\| `([^`]+)` \|[^|]*\| ([^|]+) \|$", rows, re.MULTILINE))


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["en", "zh"])
@pytest.mark.parametrize("file", ["requirements.in", "requirements-dev.in"])
def test_the_table_of_dependencies_names_exactly_what_is_required(page: str, file: str) -> None:
    assert set(table(page, file)) == packages(file)


def declared(name: str) -> str:
    """What a package says of its licence, in one spelling."""
    told: Any = metadata.metadata(name)
    classifiers = [one for one in told.get_all("Classifier") or [] if one.startswith("License")]
    text = " ".join([told.get("License-Expression") or "", (told.get("License") or "")[:60], *classifiers]).lower()
    return re.sub(r"[^a-z0-9]+", " ", text)


MARKS = {"Apache": "apache", "BSD": "bsd", "MIT": "mit", "MPL": "mpl", "GPL": "gpl", "CC-BY": "cc by"}


@pytest.mark.parametrize("name", sorted(packages("requirements.in") | packages("requirements-dev.in")))
def test_the_licence_of_a_dependency_is_the_one_it_declares(name: str) -> None:
    told = {**table(ENGLISH, "requirements.in"), **table(ENGLISH, "requirements-dev.in")}[name]
    families = {family for family in MARKS if family in told}
    assert families
    assert all(MARKS[family] in declared(name) for family in families), declared(name)
    if "GPL" not in told:
        assert "gpl" not in declared(name)


def test_both_languages_tell_the_same_page() -> None:
    """Same headings, the same commands and programs, the same links and tables."""
    assert len(re.findall(r"^#+ ", prose(ENGLISH), re.MULTILINE)) == len(
        re.findall(r"^#+ ", prose(CHINESE), re.MULTILINE)
    )
    for language in ("sh", "python"):
        assert blocks(ENGLISH, language) == blocks(CHINESE, language)
    assert len(FENCE.findall(ENGLISH)) == len(FENCE.findall(CHINESE))
    links = re.compile(r"\]\(([^)]+)\)")
    neutral = {"README.md", "README.zh-CN.md"}
    assert set(links.findall(ENGLISH)) - neutral == set(links.findall(CHINESE)) - neutral
    for file in ("requirements.in", "requirements-dev.in"):
        assert table(ENGLISH, file) == table(CHINESE, file)


PAGES = ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md", "proto/README.md", "services/adr/README.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    text = prose((ROOT / page).read_text("utf-8"))
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("https://") or (ROOT / page).parent.joinpath(link).exists(), link


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_a_page_names_exists(page: str) -> None:
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / page).read_text("utf-8"), re.MULTILINE))
    assert named <= made


def test_every_subcommand_that_is_named_exists() -> None:
    """Of the deskstream command, in the text; those in examples are run."""
    for command in ("dead show", "dead replay", "dead drop", "reporting rebuild"):
        assert command in ENGLISH
        asked = [sys.executable, "-m", "services", *command.split(), "--help"]
        assert subprocess.run(asked, cwd=ROOT, capture_output=True, timeout=60).returncode == 0, command


def test_every_decision_stands_in_the_index() -> None:
    folder = ROOT / "services" / "adr"
    index = (folder / "README.md").read_text("utf-8")
    assert set(re.findall(r"\]\((\d{4}-[^)]+)\)", index)) == {file.name for file in folder.glob("[0-9]*.md")}


def test_the_contracts_page_names_every_key_every_body_and_every_header() -> None:
    page = (ROOT / "proto" / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z._]+)[^`]*` \| (\w+) \|", page, re.MULTILINE)
    for start, kind in BODIES:
        assert any(key.startswith(start) and body == kind.DESCRIPTOR.name for key, body in rows), start
    said_by_us = Said("ticket.opened", TicketEvent(), "id", "DS1", cause="c", actor="a", traceparent="t")
    packed = pack(said_by_us, "deskstream.tickets", "deskstream/dispatch", datetime(2026, 1, 1, tzinfo=UTC))
    assert set(packed.headers) == set(
        re.findall(r"^\| `(cloudEvents_\w+|traceparent|cause|actor)` \|", page, re.MULTILINE)
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder that looks like a clone in which `make up` runs, and the environment that README asks for."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("gateway", "grpc", "smtp"):
        # Any free port: the usual ones belong to whoever runs the platform on this machine.
        Ports(folder / ".run").get(name)
    with Stage(folder / ".run", movable=False) as stage, pytest.MonkeyPatch.context() as patch:
        for name, value in stage.env.items():
            patch.setenv(name, value)
        (stage.keys / "password").write_text("a made-up password\n")
        set_password_for_all(Settings(), "a made-up password")
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "services").symlink_to(ROOT / "services")
        shutil.copytree(ROOT / "deploy" / "policy", folder / "deploy" / "policy")
        addresses = {"GATEWAY": stage.env["DESKSTREAM_PUBLIC_URL"], "GRPC": stage.env["DESKSTREAM_GRPC_TARGET"]}
        connections = {name: stage.env[name] for name in ("AMQP_URI", "MONGODB_URI")}
        # The example that puts a policy in force must find a folder of its own.
        own = {"PYTHONPATH": str(folder), "DESKSTREAM_POLICY_DIR": str(folder / "deploy" / "policy")}
        yield folder, {**os.environ, **addresses, **connections, **own}


def run(argv: list[str], clone: tuple[Path, dict[str, str]], **more: str) -> str:
    folder, env = clone
    done = subprocess.run(argv, cwd=folder, env={**env, **more}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{argv[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout or done.stderr


def program(word: str) -> str:
    """The one Python example in which a word stands."""
    (found,) = [block for block in blocks(ENGLISH, "python") if word in block]
    return found


def shell(word: str) -> str:
    """The one shell example in which a word stands, after the functions that serve all."""
    functions, *examples = blocks(ENGLISH, "sh")
    (found,) = [block for block in examples if word in block]
    return f"set -e\n{functions}\n{found}"


def receipt(clone: tuple[Path, dict[str, str]], source_id: str) -> str:
    script = f"TOKEN=$(cat .run/keys/service.token)\ndesk receipts/web/{source_id}"
    return run(["bash", "-c", f"{blocks(ENGLISH, 'sh')[0]}\n{script}"], clone)


@pytest.mark.journey
@pytest.mark.skipif(not shutil.which("curl"), reason="the examples call curl, which is not installed")
def test_the_examples_run_as_they_stand_one_door_after_the_other(clone: tuple[Path, dict[str, str]]) -> None:
    """A7, A24, U2, U3: adapters hand in, an engineer works, reports tell, a desk owner writes rules."""
    python = sys.executable
    assert "CONFIRMED" in run([python, "-c", program("source_key")], clone)
    run([python, "-c", program("request.submitted.web")], clone)
    assert run([python, "-c", program("IntakeServiceStub")], clone).startswith("INVALID_ARGUMENT Fill in Name")
    wait_for(lambda: "DS2" in receipt(clone, "portal:4711"), what="the kit's request to have a number")
    wait_for(lambda: "DS2" in receipt(clone, "portal:4712"), what="the JSON request to have a number")
    assert '"number":"DS' in run(["bash", "-c", shell("probe-17")], clone)

    assert '"number"' in run(["bash", "-c", shell("/hooks/web/form")], clone)
    queue = shell("claims -d").split("NUMBER=")[0]
    wait_for(lambda: "三楼断网" in run(["bash", "-c", queue], clone), what="the queue to hold the kit's request")
    worked = run(["bash", "-c", shell("claims -d")], clone)
    assert '"state":"resolved"' in worked
    assert "network_faults" in worked
    found = shell("queue-counts").split("NUMBER=")[0]
    wait_for(lambda: "三楼断网" in run(["bash", "-c", found], clone), what="the search to know the kit's request")
    looked = run(["bash", "-c", shell("queue-counts")], clone)
    assert all(word in looked for word in ("RESULT_DONE", "network_faults", "一并检查"))
    token = run(["bash", "-c", f"{blocks(ENGLISH, 'sh')[0]}\nsign_in g.net.one"], clone).strip()
    assert "DS2" in run([python, "-c", program("WatchQueue")], clone, TOKEN=token)
    assert "三楼东侧" in run([python, "-c", program("work.network")], clone)

    operated = run(["bash", "-c", shell("dead list")], clone)
    assert all(word in operated for word in ("key       ticket.", "0 parked.", "without faults"))
    assert "Rebuilt from" in run(["bash", "-c", shell("reporting rebuild")], clone)
    reports = run(["bash", "-c", shell("kpis.csv")], clone)
    assert '"definitionVersion":"completion/1"' in reports
    assert "generic_desk" in run(["bash", "-c", shell("policy dry-run")], clone)
    supposed = run(["bash", "-c", shell("what-if")], clone)
    assert all(word in supposed for word in ('"dueAt":"2026-11-23T', "generic_desk", " 0 differ"))
    assert "draft" in run(["bash", "-c", shell("roster make")], clone)
    assert "branch_desk" in run(["bash", "-c", shell("branch_desk")], clone)
