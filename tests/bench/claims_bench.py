"""How long an engineer waits for the next ticket of a long queue while others claim from it too. Asserts no time.

`python -m tests.bench.claims_bench [queue [claims]]` prints the figures; `measure()` gives them to the bench runner.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

from deploy.local.broker import Broker
from deploy.local.database import Database
from services.contracts.deskstream.v1.common_pb2 import CHANNEL_WEB
from services.contracts.deskstream.v1.dispatch_pb2 import ClaimRequest
from services.contracts.deskstream.v1.dispatch_pb2_grpc import DispatchServiceStub
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft, RequestReceived
from services.dispatch import compose, wire
from services.dispatch.handlers import Stream
from services.runtime import topology
from services.runtime.bus_line import connect
from services.runtime.calls import channel
from services.runtime.identity import Principal, Signer, make_keys
from services.runtime.message import Heard
from services.runtime.settings import Settings

ENGINEERS = 50
TEAM = "desk"
_BATCH = 400
_ROOT = Path(__file__).parents[2]


def measure(queue: int = 10_000, claims: int = 2_000, *, per_s: float = 25.0, seconds: float = 20.0) -> dict[str, Any]:
    """Milliseconds from the call to the ticket, over gRPC, 50 engineers at once.

    `paced`: so many claims a second among them, for so many seconds, as people work. `at_once`: `claims` as fast as
    they are answered, all 50 waiting all the time.
    """
    with tempfile.TemporaryDirectory(prefix="deskbench-") as made, _installation(Path(made)) as (env, port):
        settings = Settings.model_validate(
            {"MONGODB_URI": env["MONGODB_URI"], "policy_dir": env["DESKSTREAM_POLICY_DIR"]}
        )
        _fill(settings, queue)
        signer = Signer.from_file(Path(env["DESKSTREAM_TOKEN_PUBLIC_KEY"]).with_name("token.jwk"))
        engineers = [_engineer(port, signer, number) for number in range(ENGINEERS)]
        given: list[str] = []
        # The first reader of a long queue pays once per process: told apart.
        begun = time.perf_counter()
        given.append(engineers[0].Claim(ClaimRequest(team=TEAM)).ticket.number)
        first_ms = (time.perf_counter() - begun) * 1000
        paced = _run(engineers, given, round(per_s * seconds), per_s)
        at_once = _run(engineers, given, min(claims, queue - len(given)), 0)
        if len(given) != len(set(given)):
            raise AssertionError(f"{len(given) - len(set(given))} tickets were given to two engineers.")
        return {
            "claims_queue": queue,
            "claims_engineers": ENGINEERS,
            "claims_given": len(given),
            "claim_first_ms": round(first_ms, 1),
            "claim_ms": {"paced": paced, "at_once": at_once},
            "claims_paced_per_s": per_s,
        }


def _run(engineers: list[DispatchServiceStub], given: list[str], claims: int, per_s: float) -> dict[str, float]:
    """`per_s`: 0 for as fast as they are answered."""
    lock, left, waits = threading.Lock(), [claims], list[float]()

    def work(stub: DispatchServiceStub, dice: Random) -> None:
        while True:
            if per_s:
                # A person's pause before the next ticket, not a wait for a fact.
                time.sleep(dice.expovariate(per_s / len(engineers)))
            with lock:
                if left[0] <= 0:
                    return
                left[0] -= 1
            begun = time.perf_counter()
            number = stub.Claim(ClaimRequest(team=TEAM)).ticket.number
            waited = time.perf_counter() - begun
            with lock:
                given.append(number)
                waits.append(waited * 1000)

    threads = [threading.Thread(target=work, args=(stub, Random(place))) for place, stub in enumerate(engineers)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - begun
    cuts = quantiles(waits, n=100)
    return {
        "p50": round(cuts[49], 1),
        "p95": round(cuts[94], 1),
        "p99": round(cuts[98], 1),
        "per_s": round(len(waits) / elapsed, 1),
        "load": round(os.getloadavg()[0], 1),
    }


@contextmanager
def _installation(folder: Path) -> Iterator[tuple[Mapping[str, str], int]]:
    """Broker, database and a server of dispatch as a process of its own: environment and port."""
    broker, database = Broker(folder / "broker"), Database(folder / "database")
    server: subprocess.Popen[str] | None = None
    try:
        for part in (database, broker):
            part.start()
        for part in (database, broker):
            part.wait_ready()
        make_keys(folder)
        env = {
            **os.environ,
            "AMQP_URI": broker.uri,
            "MONGODB_URI": database.uri,
            "DESKSTREAM_POLICY_DIR": str(_ROOT / "deploy" / "policy"),
            "DESKSTREAM_TOKEN_PUBLIC_KEY": str(folder / "token.pub.jwk"),
            "DESKSTREAM_GRPC_BIND": f"127.0.0.1:{_free_port()}",
        }
        connection = connect(broker.uri, "bench")
        topology.declare(connection, [TEAM])
        connection.close()
        with (folder / "server.log").open("w") as log:
            argv = [sys.executable, "-m", "services.dispatch", "server"]
            server = subprocess.Popen(argv, env=env, cwd=_ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        assert server.stdout is not None
        if not server.stdout.readline().startswith("ready"):
            raise AssertionError((folder / "server.log").read_text("utf-8")[-2000:])
        yield env, int(env["DESKSTREAM_GRPC_BIND"].rpartition(":")[2])
    finally:
        if server is not None:
            server.terminate()
            server.wait(timeout=20)
        broker.stop()
        database.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _fill(settings: Settings, queue: int) -> None:
    """Opens the tickets as the worker does, without the stream between."""
    stream = Stream(compose.desks_of(settings), compose.store(settings))
    # A Tuesday within service hours, so that all go to the desk's own queue whenever this runs.
    now = datetime(2025, 6, 10, 6, 0, tzinfo=UTC)
    for start in range(0, queue, _BATCH):
        numbers = range(start, min(start + _BATCH, queue))
        stream.requests([_received(number, now - timedelta(seconds=queue - number)) for number in numbers], now)


def _received(place: int, at: datetime) -> Heard:
    draft = RequestDraft(
        channel=CHANNEL_WEB,
        profile="itss_desk",
        source_id=f"bench:{place}",
        type="incident",
        grade=f"P{place % 3 + 1}",
        title="打印机无法打印",
        description="财务部打印机不工作",
    )
    draft.requester.id, draft.requester.name = "c.he.jie", "何洁"
    body = RequestReceived(number=f"DS20250610-{place:06d}", draft=draft, received_at=wire.stamp(at))
    return Heard(id=f"bench-{place}", key="request.received.web", body=body.SerializeToString())


def _engineer(port: int, signer: Signer, number: int) -> DispatchServiceStub:
    name = f"engineer.{number}"
    token = signer.sign(Principal(name, name, frozenset({"specialist"}), frozenset({TEAM})))
    return DispatchServiceStub(channel(f"127.0.0.1:{port}", token))


if __name__ == "__main__":
    wanted = dict(zip(("queue", "claims"), map(int, sys.argv[1:3]), strict=False))
    sys.stdout.write(json.dumps(measure(**wanted), indent=2) + "\n")
