"""Prepares a bare machine for `make`: the virtual environment from the hash-locked requirements, and RabbitMQ.

Run by whatever `python3` there is, so: standard library only, nothing newer than Python 3.7, and no other file of ours.
Whatever is missing or fails is one sentence with the remedy; what pip and apt said is in .run/bootstrap.log.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable  # noqa: UP035 - old Pythons must get as far as the sentence

ROOT = Path(__file__).resolve().parents[2]
SUPPORTED = ((3, 11), (3, 12), (3, 13))
OLDEST_RABBITMQ = (3, 10)
LOG = ROOT / ".run" / "bootstrap.log"


class Missing(Exception):
    """One sentence with the remedy."""


def choose_python(running: tuple[int, int], find: Callable[[str], str | None]) -> str:
    """The interpreter to build .venv with: this one, else the newest supported one on PATH."""
    if running in SUPPORTED:
        return sys.executable
    for major, minor in reversed(SUPPORTED):
        found = find(f"python{major}.{minor}")
        if found:
            return found
    raise Missing(
        f"Deskstream needs Python 3.11, 3.12 or 3.13, and this is {running[0]}.{running[1]}: install one of them "
        "(Debian 12 or 13, Ubuntu 24.04: `sudo apt-get install python3 python3-venv`; Ubuntu 22.04: `sudo apt-get "
        "install python3.11 python3.11-venv`), or name one you have: `make PYTHON=/path/to/python3.12 ...`."
    )


def runnable(name: str) -> str | None:
    """The program of this name on PATH, if it runs: pyenv's stand-ins fail for every version but the chosen one."""
    found = shutil.which(name)
    try:
        return found if found and subprocess.call([found, "-c", ""], stderr=subprocess.DEVNULL) == 0 else None
    except OSError:
        return None


def rabbitmq_scripts() -> Path | None:
    """The folder of RabbitMQ's own scripts. Debian's wrappers in /usr/sbin insist on the user rabbitmq."""
    new_enough = [path for path in _rabbitmq_homes() if _release(path) >= OLDEST_RABBITMQ]
    return max(new_enough, key=_release) if new_enough and shutil.which("erl") else None


def _rabbitmq_homes() -> list[Path]:
    homes = [Path("/usr/lib/rabbitmq/lib"), Path("/opt/rabbitmq"), Path("/usr/local/lib/rabbitmq/lib")]
    found = [path for home in homes for path in home.glob("rabbitmq_server-*/sbin")]
    found += [Path("/opt/rabbitmq/sbin")]
    return [path for path in found if (path / "rabbitmq-server").exists()]


def _release(scripts: Path) -> tuple[int, ...]:
    digits = scripts.parent.name.partition("-")[2].split(".")
    # A folder without a version is an image's, which is newer than any distribution's.
    return tuple(int(part) for part in digits if part.isdecimal()) or (99,)


def _logged(argv: list[str], what: str, remedy: str) -> None:
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("ab") as log:
        log.write(("\n$ {}\n".format(" ".join(argv))).encode())
        log.flush()
        try:
            code = subprocess.call(
                argv, stdout=log, stderr=log, stdin=None if sys.stdin.isatty() else subprocess.DEVNULL
            )
        except OSError as error:
            log.write(str(error).encode())
            code = 1
    if code:
        raise Missing(f"{what} failed: {remedy}. What it said is in {os.path.relpath(str(LOG))}.")


# Installs "$@" so that no service of the whole system starts, now or with the next boot: ours is a private node.
_APT_SCRIPT = r"""
set -eu
policy=/usr/sbin/policy-rc.d mark="deskstream: no service starts"
ended() { if grep -qs "$mark" "$policy"; then rm -f "$policy"; fi; }
trap ended EXIT
trap 'exit 130' INT TERM HUP
known() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
units=
known erlang-base || units="$units epmd.service epmd.socket"
known rabbitmq-server || units="$units rabbitmq-server.service"
[ -e "$policy" ] || { printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" > "$policy"; chmod 755 "$policy"; }
export DEBIAN_FRONTEND=noninteractive
apt-get update || echo "Not every source of packages could be asked."
apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
# Only what was not here before: a node that somebody else runs stays as it is.
for unit in $units; do systemctl disable "$unit" || rm -f /etc/systemd/system/*.wants/"$unit"; done
case "$units" in *rabbitmq-server*) update-rc.d rabbitmq-server disable || true;; esac
"""


def _apt_install(packages: list[str], reason: str) -> None:
    """Install Debian packages without letting them start, or enable, a service of the whole system."""
    command = "apt-get install -y --no-install-recommends " + " ".join(packages)
    if not shutil.which("apt-get"):
        raise Missing(f"{reason}, and there is no apt-get here: install {packages[0]} with your system's means.")
    prefix: list[str] = []
    if os.geteuid() != 0:
        if not shutil.which("sudo"):
            raise Missing(f"{reason}, and installing needs root: run `{command}` as root.")
        prefix = ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
    print("Installing {} with apt-get (log: .run/bootstrap.log) ...".format(", ".join(packages)), flush=True)
    script = [*prefix, "sh", "-c", _APT_SCRIPT, "install", *packages]
    _logged(script, "apt-get", f"run `sudo {command}` yourself and then make again")


def _ensure_venv(python: str) -> None:
    venv, requirements = ROOT / ".venv", ROOT / "requirements-dev.txt"
    inside, stamp_file = venv / "bin" / "python", venv / "deskstream.stamp"
    version = subprocess.check_output([python, "-c", "import sys; print(sys.version)"], universal_newlines=True)
    # The folder too: scripts inside a virtual environment name it, so a moved clone needs a new one.
    wanted = hashlib.sha256(requirements.read_bytes() + (version + str(venv)).encode()).hexdigest()
    if inside.exists() and stamp_file.exists() and stamp_file.read_text() == wanted:
        return
    if subprocess.call([python, "-c", "import venv, ensurepip"], stderr=subprocess.DEVNULL):
        name = subprocess.check_output([python, "-c", "import sys; print('python%d.%d-venv' % sys.version_info[:2])"])
        _apt_install([name.decode().strip()], "Python's venv module is incomplete")
    print("Preparing .venv from requirements-dev.txt (log: .run/bootstrap.log) ...", flush=True)
    probe = [str(inside), "-c", f"import sys; sys.exit(sys.version != {version.strip()!r})"]
    usable = inside.exists() and subprocess.call(probe, stderr=subprocess.DEVNULL) == 0
    if not usable or not (venv / "bin" / "pip").exists():
        remedy = "check that there is room on the disk and that you may write here"
        _logged([python, "-m", "venv", "--clear", str(venv)], "Making .venv", remedy)
    pip = [str(inside), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--require-hashes"]
    remedy = "check the network (or PIP_INDEX_URL) and run make again"
    _logged([*pip, "-r", str(requirements)], "Installing the requirements", remedy)
    stamp_file.write_text(wanted)


def _ensure_rabbitmq() -> None:
    if os.environ.get("AMQP_URI") or rabbitmq_scripts() is not None:
        return
    # What is installed and too old may be serving somebody: it is neither upgraded nor stopped.
    if not _rabbitmq_homes() or not shutil.which("erl"):
        _apt_install(["rabbitmq-server"], "RabbitMQ 3.10 or newer is missing and AMQP_URI names no other broker")
    if rabbitmq_scripts() is None:
        raise Missing(
            "This system's rabbitmq-server is older than 3.10: install a newer one (rabbitmq.com), "
            "or set AMQP_URI to a broker you have."
        )


def main(arguments: list[str]) -> int:
    """Prepare what is missing; `--without-broker` leaves RabbitMQ alone. Returns the exit code."""
    try:
        _ensure_venv(choose_python(sys.version_info[:2], runnable))
        if "--without-broker" not in arguments:
            _ensure_rabbitmq()
    except Missing as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Preparing this folder failed ({error}): see .run/bootstrap.log.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
