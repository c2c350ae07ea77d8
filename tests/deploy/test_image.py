"""The Dockerfile: what can be said of it where no engine is."""

from __future__ import annotations

import re

from tests.deploy.world import BIN, ROOT, run

TEXT = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")


def test_the_linter_of_dockerfiles_has_nothing_to_say():
    told = run(BIN / "hadolint", ROOT / "deploy" / "Dockerfile")
    assert (told.returncode, told.stdout) == (0, "")


def test_the_image_runs_as_a_plain_user():
    assert re.findall(r"^USER (.+)$", TEXT, re.MULTILINE) == ["10001:10001"]


def test_what_is_copied_is_let_into_the_context_and_exists():
    copied = re.findall(r"^COPY (?!--from)(\S+) ", TEXT, re.MULTILINE)
    assert copied == ["requirements.txt", "services", "deploy/policy"]
    allowed = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    # Nothing but this: no .env, no keys, no .run of the machine that builds.
    assert allowed[0] == "*"
    assert [line[1:] for line in allowed if line.startswith("!")] == copied
    assert all((ROOT / path).exists() for path in copied)
