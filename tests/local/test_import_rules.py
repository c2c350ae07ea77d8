"""The import rules of `make lint`: the table of the architecture, on a small house with one wrong door each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("module", "imported", "allowed"),
    [
        ("kernel/ticket.py", "dataclasses", True),
        ("kernel/ticket.py", "pydantic", False),
        ("kernel/ticket.py", "services.profile.schema", False),
        ("profile/schema.py", "services.kernel.ticket", True),
        ("profile/schema.py", "services.runtime.mongo", False),
        ("runtime/mongo.py", "services.sla.model", False),
        ("sla/model.py", "services.runtime.mongo", False),
        ("sla/policy.py", "services.sla.model", True),
        ("sla/policy.py", "services.sla.storage", False),
        ("sla/handlers.py", "services.sla.storage", False),
        ("sla/handlers.py", "pymongo", False),
        ("sla/storage.py", "services.runtime.mongo", True),
        ("sla/server.py", "nameko.rpc", False),
        ("sla/worker.py", "services.intake.model", False),
        ("__main__.py", "services.sla.model", True),
    ],
)
def test_a_wrong_import_is_refused_and_a_right_one_is_not(
    tmp_path: Path, module: str, imported: str, allowed: bool
) -> None:
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    files = ["kernel/ticket.py", "profile/schema.py", "runtime/mongo.py", "contracts/v1.py", "intake/model.py"]
    files += [f"sla/{name}.py" for name in ("model", "policy", "handlers", "storage", "worker", "server")]
    for name in files:
        path = tmp_path / "services" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.touch()
    (tmp_path / "services" / "__init__.py").touch()
    (tmp_path / "services" / module).write_text(f"import {imported}\n")
    program = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([str(program), "--no-cache"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode == 0) is allowed, done.stdout
    assert ("may not import" in done.stdout) is not allowed
