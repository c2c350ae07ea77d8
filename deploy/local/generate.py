"""Writes `services/contracts` from `proto/`, or says with `--check` whether the committed code is what `proto/` gives.

protoc imports by the path inside `proto/`; the product imports by the path inside the repository. The wire names must
not change for that, so the import lines are rewritten afterwards instead of moving the `.proto` files.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"
TARGET = ROOT / "services" / "contracts"
PACKAGE_NOTE = '"""Generated from `proto/` by `make proto`. Never edited."""\n'
_IMPORT = re.compile(r"^(from |import )deskstream\.", re.MULTILINE)


def _protoc(out: Path) -> None:
    """Run protoc with the three Python plugins over every contract; its complaints go to the terminal as they are."""
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("deskstream/**/*.proto"))
    if not sources:
        raise SystemExit("There is no .proto file under proto/deskstream, so there is nothing to generate.")
    bin_folder = Path(sys.executable).parent
    plugins = [f"--plugin={name}={bin_folder / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    outputs = [
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--mypy_grpc_out=quiet,only_sync:{out}",
    ]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", *plugins, *outputs, *sources]
    if subprocess.run(command, cwd=PROTO, check=False).returncode:
        raise SystemExit("protoc refused the contracts in proto/; its message stands above.")


def _rendered() -> dict[Path, str]:
    """Every generated file by its path inside `services/contracts`."""
    files: dict[Path, str] = {Path("__init__.py"): PACKAGE_NOTE}
    with tempfile.TemporaryDirectory(prefix="deskstream-proto-") as folder:
        out = Path(folder)
        _protoc(out)
        for path in sorted(out.rglob("*.py*")):
            name = path.relative_to(out)
            source = PROTO / name.parent / (name.name.split("_pb2")[0] + ".proto")
            # protoc writes an empty gRPC module for a file without a service; nobody would import it.
            if "_pb2_grpc." in name.name and not re.search(r"^service ", source.read_text("utf-8"), re.MULTILINE):
                continue
            files[name] = _IMPORT.sub(r"\1services.contracts.deskstream.", path.read_text("utf-8"))
            for parent in name.parents[:-1]:
                files[parent / "__init__.py"] = PACKAGE_NOTE
    return files


def _committed() -> dict[Path, str]:
    found = (path for path in TARGET.rglob("*.py*") if path.suffix in {".py", ".pyi"})
    return {path.relative_to(TARGET): path.read_text("utf-8") for path in found}


def main(arguments: list[str]) -> int:
    """Write the generated code, or with `--check` only compare it. Returns the exit code."""
    wanted, present = _rendered(), _committed()
    if "--check" in arguments:
        differing = sorted(
            str(name) for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name)
        )
        if differing:
            print(f"services/contracts is not what proto/ gives ({', '.join(differing)}): run `make proto` and commit.")
        return 1 if differing else 0
    for stale in present.keys() - wanted.keys():
        (TARGET / stale).unlink()
    for name, text in wanted.items():
        (TARGET / name).parent.mkdir(parents=True, exist_ok=True)
        if present.get(name) != text:
            (TARGET / name).write_text(text, "utf-8")
    for folder in TARGET.rglob("__pycache__"):
        shutil.rmtree(folder, ignore_errors=True)
    print(f"services/contracts: {len(wanted)} files from proto/.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
