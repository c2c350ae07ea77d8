"""Waiting for facts instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psutil

Fact = TypeVar("Fact")


def wait_for(predicate: Callable[[], Fact], timeout: float = 30.0, what: str = "the awaited fact") -> Fact:
    """Poll `predicate` until it returns something true and return that; fail with a sentence after `timeout` seconds.

    An AssertionError of the predicate counts as "not yet", so it may assert; the last one is shown.
    """
    deadline = time.monotonic() + timeout
    pause = 0.01
    while True:
        reason = ""
        try:
            fact = predicate()
            if fact:
                return fact
        except AssertionError as error:
            reason = f" ({error})"
        if time.monotonic() >= deadline:
            raise AssertionError(f"Waited {timeout:g} s in vain for {what}{reason}.")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie that its new parent has not reaped yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
