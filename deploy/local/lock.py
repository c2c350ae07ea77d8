"""`make lock`: resolves requirements*.in for every Python and platform we support, with hashes, by a throwaway uv."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--quiet"]


def main() -> int:
    """Rewrite requirements.txt, then what is constrained by it. Returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="deskstream-uv-") as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        try:
            install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"]
            subprocess.run(install, check=True)
            for name in ("requirements", "requirements-dev", "requirements-bench"):
                command = [str(python), "-m", "uv", "pip", "compile", f"{name}.in", "-o", f"{name}.txt", *OPTIONS]
                subprocess.run([*command, "--custom-compile-command", "make lock"], cwd=ROOT, check=True)
        except subprocess.CalledProcessError as error:
            print(f"Locking failed (exit code {error.returncode}); the reason stands above.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
