"""python -m services.watch worker|server."""

from __future__ import annotations

import sys

from services.runtime.process import run

if __name__ == "__main__":
    run(sys.argv, "watch")
