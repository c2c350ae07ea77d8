"""Loading: versions, extension, restoring."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from services.profile.load import check, content_version, load, restore
from tests.profile.folders import copied, spoil


def test_a_version_is_the_declared_one_and_eight_digits_of_the_content(tmp_path: Path) -> None:
    """D18, S3."""
    assert re.fullmatch(r"1\.0\+[0-9a-f]{8}", load(copied(tmp_path)).version)


def test_a_comment_does_not_change_the_version_and_a_value_does(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    before = load(folder).version
    spoil(folder, "sla.yaml", "sla:", "# A remark\nsla:")
    assert load(folder).version == before
    spoil(folder, "sla.yaml", "{default: 30m}", "{default: 20m}")
    assert load(folder).version != before


def test_a_kept_version_is_read_again_as_it_was(tmp_path: Path) -> None:
    """S4, D18."""
    loaded = load(copied(tmp_path))
    again = restore(loaded.facets)
    assert (again.version, again.profile) == (loaded.version, loaded.profile)


def test_a_subordinate_desk_replaces_whole_facets_of_the_upper_one(tmp_path: Path) -> None:
    """S8."""
    upper = load(copied(tmp_path))
    lower = tmp_path / "branch_desk"
    lower.mkdir()
    about = (tmp_path / "itss_desk" / "about.yaml").read_text(encoding="utf-8")
    start = about.index("channels:")
    (lower / "about.yaml").write_text(
        "extends: itss_desk\n" + about[:start].replace("itss_desk", "branch_desk"), "utf-8"
    )
    (lower / "kpi.yaml").write_text("kpi: {answer_seconds: 15}\n", "utf-8")
    assert check(lower) == []
    branch = load(lower)
    assert branch.profile.kpi.answer_seconds == 15
    assert branch.profile.kpi.targets == ()
    assert branch.profile.lifecycle == upper.profile.lifecycle
    assert branch.name == "branch_desk"
    assert branch.version != upper.version


def test_a_fault_of_the_upper_desk_is_told_in_its_own_file(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    spoil(folder, "sla.yaml", "stop: triaged", "stop: never")
    lower = tmp_path / "branch_desk"
    lower.mkdir()
    about = (folder / "about.yaml").read_text(encoding="utf-8")
    head = about[: about.index("channels:")].replace("itss_desk", "branch_desk")
    (lower / "about.yaml").write_text("extends: itss_desk\n" + head, "utf-8")
    assert [fault.split(":")[0] for fault in check(lower)] == ["itss_desk/sla.yaml"]


def test_a_folder_and_its_profile_have_one_name(tmp_path: Path) -> None:
    renamed = copied(tmp_path).rename(tmp_path / "other_desk")
    assert "let both agree" in check(renamed)[0]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1, max_size=6), json_values, min_size=1, max_size=5))
def test_the_order_of_keys_never_changes_a_version(facets: dict[str, object]) -> None:
    turned = dict(reversed(facets.items()))
    assert content_version("1", facets) == content_version("1", turned)
