"""Documents of all services live in one process when it hosts them all: mongoengine tells them apart by name alone."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

SERVICES = Path(__file__).parents[2] / "services"
DOCUMENT = re.compile(r"^class (\w+)\((?:mongoengine\.)?\w*Document\):", re.MULTILINE)


def test_no_two_services_call_a_document_by_the_same_name() -> None:
    """The second would take the first one's place in the registry, whose connection is then never let go (U2)."""
    names = [name for file in SERVICES.rglob("*.py") for name in DOCUMENT.findall(file.read_text("utf-8"))]
    assert len(names) > 20
    assert [name for name, count in Counter(names).items() if count > 1] == []
