"""Health of a process, and the small HTTP listener that tells it to Kubernetes and Prometheus (T10)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOOK_EVERY = 5.0
"""Seconds between two looks at a watched server."""
_STALE_AFTER = 30.0


class _Watch:
    """What a thread found when it last looked; a look that hangs counts as no."""

    def __init__(self, name: str, look: Callable[[], object], every: float) -> None:
        self._look = look
        self._every = every
        self._seen_at = float("-inf")
        threading.Thread(target=self._run, name=f"watch {name}", daemon=True).start()

    def up(self) -> bool:
        return time.monotonic() - self._seen_at < _STALE_AFTER

    def _run(self) -> None:
        while True:
            try:
                self._look()
                self._seen_at = time.monotonic()
            except Exception:
                # Whatever it is, the server cannot be used now; whoever uses it says why.
                self._seen_at = float("-inf")
            time.sleep(self._every)


class Probes:
    """Checks by name; a process is ready when all of them say so, and alive while it can answer."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], bool]] = {}

    def add(self, name: str, check: Callable[[], bool]) -> None:
        """Registers a quick check that never blocks, such as "the broker connection is up"."""
        self._checks[name] = check

    def watch(self, name: str, look: Callable[[], object], every: float = LOOK_EVERY) -> None:
        """Registers a look that may block, such as a ping: a thread takes it every so many seconds, probes never wait.

        It says no until it has been taken once without an exception. A name that is watched already stays as it is.
        """
        if name not in self._checks:
            self._checks[name] = _Watch(name, look, every).up

    def failing(self) -> list[str]:
        """Names of the checks that say no."""
        return [name for name, check in self._checks.items() if not check()]

    def serve(self, port: int) -> None:
        """Answers /healthz, /readyz and /metrics on all addresses of the pod, in a thread of its own."""
        failing = self.failing

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

                    self._say(200, generate_latest(), CONTENT_TYPE_LATEST)
                elif self.path == "/healthz":
                    self._say(200, b"alive\n")
                elif self.path == "/readyz":
                    wrong = failing()
                    self._say(503 if wrong else 200, (", ".join(wrong) or "ready").encode() + b"\n")
                else:
                    self._say(404, b"Ask /healthz, /readyz or /metrics.\n")

            def _say(self, status: int, body: bytes, media_type: str = "text/plain; charset=utf-8") -> None:
                # A prober that gave up waiting is nothing to report.
                with suppress(ConnectionError):
                    self.send_response(status)
                    self.send_header("Content-Type", media_type)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
                """Probes come every few seconds; they are not worth a line."""

        # Probes must reach it from outside the pod's loopback.
        server = ThreadingHTTPServer(("0.0.0.0", port), Answer)  # noqa: S104
        threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
