"""A changed profile is put in force as a whole, or nothing happens at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.kernel.errors import Refused
from services.profile.applying import apply, load_beside
from services.profile.differences import MOST, differences
from services.profile.faults import ProfileFaults
from services.profile.load import load
from tests.profile.folders import copied, spoil


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """An installation's policy folder with two profiles."""
    folder = tmp_path / "policy"
    folder.mkdir()
    copied(folder, "itss_desk")
    copied(folder, "generic_desk")
    return folder


def changed(tmp_path: Path, name: str = "itss_desk") -> Path:
    """A copy somewhere else, to be changed."""
    place = tmp_path / "mine"
    place.mkdir(exist_ok=True)
    return copied(place, name)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_valid_change_is_in_force_as_a_whole(tmp_path, installed):
    """S4: what differs is told, with the rule by its id; nothing is left behind."""
    mine = changed(tmp_path)
    spoil(mine, "routing.yaml", "grade: [P1]", "grade: [P1, P2]")
    (mine / "notes.txt").write_text("no part of the profile", encoding="utf-8")
    before = load(installed / "itss_desk").version
    done = apply(mine, installed)
    assert done.changes == ("routing.rules[emergency_first].when.grade: P1 -> P1, P2",)
    assert (done.before, done.after) == (before, load(installed / "itss_desk").version)
    assert done.after != before
    assert names(installed) == ["generic_desk", "itss_desk"]
    assert not (installed / "itss_desk" / "notes.txt").exists()


def test_a_change_with_faults_leaves_everything_as_it_was(tmp_path, installed):
    """S5, issue 3: refused with file, line, field and remedy; the running policy stays."""
    mine = changed(tmp_path)
    line = spoil(mine, "routing.yaml", "to: {team: desk}", "to: {team: dezk}")
    kept = {file.name: file.read_bytes() for file in (installed / "itss_desk").iterdir()}
    with pytest.raises(ProfileFaults) as refused:
        apply(mine, installed)
    (fault,) = refused.value.found
    assert (fault.file, fault.line, fault.field) == ("itss_desk/routing.yaml", line, "routing.rules[2].to.team")
    assert 'there is no team "dezk"' in fault.message
    assert {file.name: file.read_bytes() for file in (installed / "itss_desk").iterdir()} == kept
    assert names(installed) == ["generic_desk", "itss_desk"]


def test_a_profile_that_extends_the_changed_one_must_stay_whole(tmp_path, installed):
    """S8: another profile takes the changed facets, and must not be broken by them."""
    heir = installed / "branch"
    heir.mkdir()
    about = (installed / "itss_desk" / "about.yaml").read_text(encoding="utf-8").replace("itss_desk", "branch")
    rules = (installed / "itss_desk" / "routing.yaml").read_text(encoding="utf-8")
    (heir / "about.yaml").write_text("extends: itss_desk\n" + about, encoding="utf-8")
    (heir / "routing.yaml").write_text(rules.replace("unmatched_team: supervisors", "unmatched_team: desk"), "utf-8")
    assert load(heir).profile.routing.unmatched_team == "desk"
    mine = changed(tmp_path)
    for file in mine.glob("*.yaml"):
        file.write_text(file.read_text(encoding="utf-8").replace("P1", "P0"), encoding="utf-8")
    assert load(mine).name == "itss_desk"
    with pytest.raises(ProfileFaults) as refused:
        apply(mine, installed)
    assert {fault.file for fault in refused.value.found} == {"branch/routing.yaml"}
    assert load(heir).name == "branch"


def test_a_new_profile_and_one_that_extends_another_can_be_applied(tmp_path, installed):
    """S8: `extends` finds the profiles in force although the folder lies elsewhere."""
    place = tmp_path / "mine" / "branch"
    place.mkdir(parents=True)
    about = (installed / "itss_desk" / "about.yaml").read_text(encoding="utf-8").replace("itss_desk", "branch")
    (place / "about.yaml").write_text("extends: itss_desk\n" + about, encoding="utf-8")
    assert load_beside(place, installed).name == "branch"
    assert names(installed) == ["generic_desk", "itss_desk"]
    done = apply(place, installed)
    assert (done.before, done.changes[0].split(":")[0]) == ("", "profile")
    assert load(installed / "branch").name == "branch"


def test_applying_what_is_in_force_changes_nothing(tmp_path, installed):
    mine = changed(tmp_path)
    (mine / "routing.yaml").write_text("# another comment\n" + (mine / "routing.yaml").read_text("utf-8"), "utf-8")
    stamp = (installed / "itss_desk").stat().st_ino
    assert apply(mine, installed).changes == ()
    assert (installed / "itss_desk").stat().st_ino == stamp
    with pytest.raises(Refused, match="in force already"):
        apply(installed / "itss_desk", installed)


def test_whoever_reads_while_it_is_applied_finds_the_old_one_or_the_new_one(tmp_path, installed):
    """Issue 3: a process that starts in the middle must not find half a policy."""
    one = changed(tmp_path)
    spoil(one, "routing.yaml", "hand_back_limit: 3", "hand_back_limit: 4")
    (tmp_path / "other").mkdir()
    other = copied(tmp_path / "other")
    done = threading.Event()
    seen: set[int] = set()
    broken: list[BaseException] = []

    def read() -> None:
        while not done.is_set():
            try:
                seen.add(load(installed / "itss_desk").profile.routing.hand_back_limit)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it must not be
                broken.append(error)
                return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for turn in range(4):
            apply(one if turn % 2 == 0 else other, installed)
    finally:
        done.set()
        reader.join(timeout=30)
    assert broken == []
    assert seen <= {3, 4}
    assert seen


def test_the_command_tells_what_differs_and_what_to_do(tmp_path, installed, monkeypatch):
    """S4, S5"""
    monkeypatch.setenv("DESKSTREAM_POLICY_DIR", str(installed))
    mine = changed(tmp_path)
    spoil(mine, "routing.yaml", "hand_back_limit: 3", "hand_back_limit: 4")
    done = CliRunner().invoke(app, ["policy", "apply", str(mine)])
    assert done.exit_code == 0, done.output
    assert "routing.hand_back_limit: 3 -> 4" in done.output
    assert "restart" in done.output
    assert "in force already" in CliRunner().invoke(app, ["policy", "apply", str(mine)]).output
    spoil(mine, "routing.yaml", "hand_back_limit: 4", "hand_back_limit: many")
    refused = CliRunner().invoke(app, ["policy", "apply", str(mine)])
    assert refused.exit_code == 1
    assert "itss_desk/routing.yaml:" in refused.output
    assert load(installed / "itss_desk").profile.routing.hand_back_limit == 4


def test_differences_are_told_by_name_and_bounded():
    old = {"a": [{"id": "x", "n": 1}, {"id": "y"}], "b": {"c": None}, "gone": 1}
    new = {"a": [{"id": "y"}, {"id": "x", "n": 2}, {"id": "z"}], "b": {"c": "set"}, "fresh": True}
    assert differences(old, new) == [
        "a[x].n: 1 -> 2",
        "a[z]: new: id z",
        "a: another order: y, x, z",
        "b.c: none -> set",
        "gone: gone",
        "fresh: new: True",
    ]
    many = differences({}, {f"k{n}": n for n in range(100)})
    assert len(many) == MOST + 1
    assert many[-1] == "... and 40 more differences"
