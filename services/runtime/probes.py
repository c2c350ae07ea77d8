"""Health of a process, and the small HTTP listener that tells it to Kubernetes and Prometheus (T10)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Probes:
    """Checks by name; a process is ready when all of them say so, and alive while it can answer."""

    def __init__(self) -> None:
        self._checks: dict[str, Callable[[], bool]] = {}

    def add(self, name: str, check: Callable[[], bool]) -> None:
        """Registers a quick check that never blocks, such as "the broker connection is up"."""
        self._checks[name] = check

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
