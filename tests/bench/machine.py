"""What the figures were measured on: machine, versions, memory and processor time of processes. No names, no paths."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

MIB = 1024 * 1024


def machine() -> dict[str, Any]:
    """Processor, cores, memory and how busy it was before."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "load_before": [round(load, 1) for load in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    """Of what the speed depends on."""
    packages = ("nameko", "kombu", "eventlet", "amqp", "pika", "pymongo", "protobuf", "grpcio", "SecantusDB")
    found = {"python": platform.python_version(), "rabbitmq": _rabbitmq()}
    for package in packages:
        try:
            found[package] = version(package)
        except ImportError:
            continue
    return found


class Meter:
    """Processor time that named processes use between `start` and `shares`, and their memory."""

    def __init__(self, pids: Mapping[str, Sequence[int]]) -> None:
        self._processes = {name: [psutil.Process(pid) for pid in each] for name, each in pids.items() if each}
        self._before: dict[str, float] = {}

    def start(self) -> None:
        """Count from now."""
        self._before = {name: _seconds(each) for name, each in self._processes.items()}

    def shares(self, elapsed: float) -> dict[str, float]:
        """Cores used by each since `start`; 1.0 is one core."""
        return {
            name: round((_seconds(each) - self._before[name]) / elapsed, 2) for name, each in self._processes.items()
        }

    def rss_mib(self) -> dict[str, int]:
        """Resident memory of each, now."""
        return {
            name: round(sum(process.memory_info().rss for process in each) / MIB)
            for name, each in self._processes.items()
        }


def _seconds(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(each.user + each.system for each in times))


def _cpu_model() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def _rabbitmq() -> str:
    try:
        asked = ["dpkg-query", "-W", "-f", "${Version}", "rabbitmq-server"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "unknown"
    return told.stdout.strip() or "unknown"
