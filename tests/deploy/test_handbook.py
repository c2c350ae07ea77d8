"""deploy/README.md tells operators what is so: variables, secrets, commands."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict

import pytest

from services.runtime.settings import Settings
from tests.deploy.world import BIN, K8S, ROOT, of_kind, run, services, settings_of, variables

HANDBOOK = (ROOT / "deploy" / "README.md").read_text("utf-8")


def test_the_table_of_the_environment_is_what_the_settings_say():
    """Name, who reads it, default. A new setting needs a row here."""
    wanted = set()
    readers: list[tuple[str, type[Settings]]] = [("all", Settings), *((one, settings_of(one)) for one in services())]
    for service, settings in readers:
        for name, field in variables(settings):
            if service == "all" or field not in Settings.model_fields:
                default = settings.model_fields[field].default
                shown = default.get_secret_value() if hasattr(default, "get_secret_value") else default
                wanted.add(f"| `{name}` | {service} | {f'`{shown}`' if str(shown) else ''} |")
    rows = {match.group() for match in re.finditer(r"^\| `[A-Z_]+` \|[^|]*\|[^|]*\|", HANDBOOK, re.MULTILINE)}
    assert rows == wanted


@pytest.mark.parametrize("folder", K8S)
def test_every_secret_that_a_pod_asks_for_is_told_how_to_make(folder):
    asked = set()
    for one in of_kind(folder, "Deployment").values():
        pod = one["spec"]["template"]["spec"]
        for source in pod["containers"][0]["envFrom"]:
            asked |= {source["secretRef"]["name"]} if "secretRef" in source else set()
        asked |= {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    assert asked == set(re.findall(r"create secret generic (\S+)", HANDBOOK))


def test_what_a_secret_holds_is_read_by_the_processes_that_get_it():
    holds = defaultdict(set)
    for command in HANDBOOK.replace("\\\n", " ").splitlines():
        if "create secret generic" in command:
            holds[command.split()[6]] |= set(re.findall(r"--from-literal=([A-Z_]+)=", command))
    for name, one in of_kind("base", "Deployment").items():
        for source in one["spec"]["template"]["spec"]["containers"][0]["envFrom"]:
            if "secretRef" in source:
                secret = source["secretRef"]["name"]
                known = dict(variables(settings_of(name.partition("-")[0])))
                assert holds[secret], secret
                assert holds[secret] <= known.keys(), f"{name} does not read all of {secret}"


@pytest.mark.skipif(not shutil.which("openssl"), reason="the operator's machine has openssl")
def test_the_first_command_makes_an_environment_that_compose_takes(tmp_path):
    line = next(line for line in HANDBOOK.splitlines() if line.startswith("sed ") and line.endswith(" > .env"))
    env = tmp_path / ".env"
    made = subprocess.run(
        ["sh", "-c", line.replace("> .env", f"> {env}")], cwd=ROOT, check=True, timeout=30, capture_output=True
    )
    assert not made.stderr
    told = run(BIN / "docker-compose", "--env-file", env, "config", "--quiet")
    assert (told.returncode, told.stderr) == (0, "")


def test_every_command_of_the_handbook_exists():
    """`python -m services ...`, asked for its help."""
    commands = set(re.findall(r"python -m services ([a-z]+(?: [a-z][a-z-]*)?)", HANDBOOK))
    assert {"dead list", "dead show", "dead replay", "dead drop", "keys keys"} <= commands
    for command in sorted(commands):
        told = run(BIN / "python", "-m", "services", *command.replace("keys keys", "keys").split(), "--help")
        assert told.returncode == 0, f"python -m services {command}: {told.stderr}"


def test_the_files_that_are_not_to_be_committed_are_ignored():
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {".env", "/keys/"} <= set(ignored)
