"""The supervisor: one line per part, nothing silent, nothing left."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local import probes
from deploy.local.children import Trouble, last_lines
from deploy.local.ports import Ports
from deploy.local.supervise import Part, PartServer, Supervisor
from tests.waiting import alive, wait_for

ROOT = Path(__file__).resolve().parents[2]
SLEEPER = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(600)"]


def test_parts_are_ready_in_order_and_end_together_before_what_they_stand_on(tmp_path: Path) -> None:
    said: list[str] = []
    farewell = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (open({!r}, 'a').write({!r}), sys.exit()))"
    )
    ended = tmp_path / "ended"

    def part(name: str) -> Part:
        code = farewell.format(str(ended), name + " ") + "; print('awake', flush=True); time.sleep(600)"
        return Part(name, [sys.executable, "-c", code], ready=probes.line("awake"))

    class Ground(PartServer):
        """Stands for broker and database: not told with the others, stopped after them."""

        def stop(self) -> None:
            with ended.open("a") as file:
                file.write("ground ")
            super().stop()

        def tell(self) -> None:
            """Only the platform's own processes are told."""

    with Supervisor(tmp_path / "log", said.append) as supervisor:
        supervisor.bring_up([("ground", Ground(part("silent"), tmp_path / "log"))])
        supervisor.bring_up([part("first"), part("second")])
        assert [line.split()[0] for line in said] == ["ground", "first", "second"]
    words = ended.read_text().split()
    assert sorted(words[:2]) == ["first", "second"]
    assert words[2] == "ground"


def test_a_part_that_dies_is_reported_with_its_last_words(tmp_path: Path) -> None:
    code = "import sys; print('awake', flush=True); sys.stdin.read(); sys.exit('the disk is full')"
    with Supervisor(tmp_path, lambda text: None) as supervisor:
        supervisor.bring_up([Part("talker", SLEEPER, ready=probes.line("awake"))])
        with pytest.raises(Trouble, match=r"(?s)writer ended by itself \(exit code 1\).*the disk is full"):
            supervisor.bring_up([Part("writer", [sys.executable, "-c", code], ready=lambda log: False)])
        [talker] = supervisor["talker"].pids
        supervisor["talker"].kill()
        with pytest.raises(Trouble, match="talker ended by itself"):
            supervisor.watch()
    assert not psutil.pid_exists(talker)


def test_a_part_that_ignores_term_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid, 'awake', flush=True);"
        "time.sleep(600)"
    )
    with Supervisor(tmp_path, lambda text: None) as supervisor:
        supervisor.bring_up([Part("deaf", [sys.executable, "-c", code], ready=probes.line("awake"), grace=0.2)])
        grandchild = psutil.Process(int((tmp_path / "deaf.log").read_text().split()[0]))
    wait_for(lambda: not alive(grandchild), what="the end of the part's own child")


@pytest.mark.faults
def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from deploy.local import probes
from deploy.local.supervise import Part, PartServer, Supervisor
with Supervisor(Path({str(tmp_path)!r})) as supervisor:
    supervisor.bring_up([Part("sleeper", {SLEEPER!r}, ready=probes.line("awake"))])
    print(*supervisor["sleeper"].pids, flush=True)
    supervisor.watch()
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        ready, pid = supervisor.stdout.readline(), supervisor.stdout.readline()
        assert "sleeper" in ready
        child = psutil.Process(int(pid))
        assert alive(child)
        supervisor.send_signal(signal.SIGKILL)
    wait_for(lambda: not alive(child), what="the end of the supervisor's child")


def test_each_start_has_a_log_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        with Supervisor(tmp_path, lambda text: None) as supervisor:
            supervisor.bring_up([Part("sleeper", SLEEPER, ready=probes.line("awake"))])
    assert last_lines(tmp_path / "sleeper.log") == last_lines(tmp_path / "sleeper.log.1") == "    awake"


def test_a_server_counts_as_ready_when_it_answers_not_when_it_runs(tmp_path: Path) -> None:
    port = Ports(tmp_path).get("web")
    argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    log = tmp_path / "web.log"
    assert not probes.tcp(port)(log)
    assert not probes.http(f"http://127.0.0.1:{port}/")(log)
    assert not probes.grpc_health(f"127.0.0.1:{port}")(log)
    with Supervisor(tmp_path, lambda text: None) as supervisor:
        supervisor.bring_up([Part("web", argv, cwd=tmp_path, ready=probes.http(f"http://127.0.0.1:{port}/"))])
        assert probes.tcp(port)(log)
