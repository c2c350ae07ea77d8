"""Bootstrap and the commands of the Makefile: what is missing is a sentence, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local.bootstrap import Missing, choose_python, runnable
from deploy.local.children import Trouble
from deploy.local.run_folder import end_all, held
from tests.waiting import alive, wait_for

ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAP = "deploy/local/bootstrap.py"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with nothing prepared, whose requirements cannot be met."""
    (tmp_path / "deploy" / "local").mkdir(parents=True)
    (tmp_path / BOOTSTRAP).write_bytes((ROOT / BOOTSTRAP).read_bytes())
    (tmp_path / "requirements-dev.txt").write_text("deskstream-no-such-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    return tmp_path


def _bootstrap(clone: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(clone / BOOTSTRAP), *arguments]
    return subprocess.run(command, cwd=clone, env={**os.environ, **env}, capture_output=True, text=True, timeout=200)


def _prepared(clone: Path) -> None:
    """Lets the clone believe that its environment is ready, as the first start would leave it."""
    (clone / "requirements-dev.txt").write_text("")
    assert _bootstrap(clone, "--without-broker").returncode == 0


def test_a_supported_python_is_taken_as_it_is() -> None:
    assert choose_python((3, 12), lambda name: None) == sys.executable


@pytest.mark.parametrize("wrong", [(3, 8), (3, 10), (3, 14)])
def test_a_wrong_python_looks_for_the_newest_right_one(wrong: tuple[int, int]) -> None:
    installed = {"python3.11": "/opt/python3.11", "python3.12": "/opt/python3.12"}
    assert choose_python(wrong, installed.get) == "/opt/python3.12"


@pytest.mark.parametrize("wrong", [(3, 8), (3, 14)])
def test_a_wrong_python_alone_is_one_sentence_with_the_remedy(wrong: tuple[int, int]) -> None:
    with pytest.raises(Missing, match=rf"this is {wrong[0]}\.{wrong[1]}: install one of them .*apt-get install"):
        choose_python(wrong, lambda name: None)


def test_a_stand_in_that_does_not_run_is_no_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in (("python3.12", 0), ("python3.13", 127)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose_python((3, 8), runnable) == str(tmp_path / "python3.12")


@pytest.mark.parametrize("wrong", ["true-but-no-python", "false"])
def test_make_with_a_wrong_python_says_so_before_anything_is_installed(wrong: str) -> None:
    # These tests may run under make themselves; the make of a newcomer knows of no other.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "bootstrap", f"PYTHON={wrong}"], cwd=ROOT, capture_output=True, text=True, timeout=60, env=env
    )
    said, made = done.stderr.strip().splitlines()
    assert said.startswith(f'Deskstream needs Python 3.11, 3.12 or 3.13, and "{wrong}" is none: install one')
    assert made.startswith("make: ***")


def test_requirements_that_cannot_be_had_are_one_sentence_that_names_the_log(clone: Path) -> None:
    done = _bootstrap(clone, "--without-broker", PIP_NO_INDEX="1")
    assert done.returncode == 1
    [sentence] = done.stderr.strip().splitlines()
    assert "Installing the requirements failed: check the network" in sentence
    assert ".run/bootstrap.log" in sentence
    assert "deskstream-no-such-package" in (clone / ".run" / "bootstrap.log").read_text()


def test_a_second_start_installs_nothing(clone: Path) -> None:
    _prepared(clone)
    (clone / ".run" / "bootstrap.log").unlink()
    done = _bootstrap(clone, "--without-broker")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (clone / ".run" / "bootstrap.log").exists()


def test_without_rabbitmq_and_any_means_to_install_it_one_sentence_says_what_to_do(clone: Path) -> None:
    _prepared(clone)
    done = _bootstrap(clone, PATH=str(clone))  # no erl, no apt-get, no sudo
    assert done.returncode == 1
    [sentence] = done.stderr.strip().splitlines()
    assert "RabbitMQ 3.10 or newer is missing and AMQP_URI names no other broker" in sentence
    assert _bootstrap(clone, PATH=str(clone), AMQP_URI="amqp://elsewhere/").returncode == 0


def test_two_platforms_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        held(tmp_path, "up"),
        pytest.raises(Trouble, match=rf"already runs here \(process {os.getpid()}\)"),
        held(tmp_path, "up"),
    ):
        pass
    with held(tmp_path, "up"):
        pass


@pytest.fixture
def sleepers(tmp_path: Path) -> Iterator[list[psutil.Process]]:
    """Two processes in `tmp_path`: one that has our mark in its command line, one that has not."""
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    started = [subprocess.Popen([*sleep, *mark], cwd=tmp_path) for mark in (["deploy.local"], [])]
    yield [psutil.Process(process.pid) for process in started]
    for process in started:
        process.kill()
        process.wait(10)


def test_down_ends_ours_and_leaves_alone_what_only_has_the_number(
    tmp_path: Path, sleepers: list[psutil.Process]
) -> None:
    ours, stranger = sleepers
    (tmp_path / "up.pid").write_text(str(ours.pid))
    (tmp_path / "old.pid").write_text(str(stranger.pid))
    said = end_all(tmp_path)
    assert f"Ended `up` (process {ours.pid})." in said
    assert f"old.pid named process {stranger.pid}, which is not ours: left alone." in said
    assert not alive(ours)
    assert alive(stranger)
    assert list(tmp_path.glob("*.pid")) == []


@pytest.mark.real
@pytest.mark.faults
def test_up_ends_everything_when_it_is_interrupted(tmp_path: Path) -> None:
    # As in the foreground of a terminal, also where these tests themselves were started in the background.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "import pathlib, sys; from deploy.local import __main__, up; up.RUN = pathlib.Path(sys.argv[1]);"
        "sys.exit(__main__.main(['up', '--infra-only']))"
    )
    env = {name: value for name, value in os.environ.items() if name not in ("AMQP_URI", "MONGODB_URI")}
    out = tmp_path / "out"
    with (
        out.open("w") as file,
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, env=env, stdout=file) as up,
    ):
        wait_for(lambda: "Ready in" in out.read_text(), timeout=90, what="the embedded stack")
        family = psutil.Process(up.pid).children(recursive=True)
        assert {"epmd", "beam.smp"} <= {process.name() for process in family}
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
    wait_for(lambda: not any(alive(process) for process in family), what="the end of every part")
    assert [line.split()[0] for line in out.read_text().splitlines()[1:3]] == ["database", "broker"]
