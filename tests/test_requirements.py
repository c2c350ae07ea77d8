"""tests/REQUIREMENTS.md names requirements that hold and the tests that show them; neither may be made up."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "tests" / "REQUIREMENTS.md").read_text("utf-8")
ID = re.compile(r"\b[A-U]\d{1,2}\b")
GROUPS = {"A": 26, "B": 23, "C": 29, "D": 23, "E": 20, "F": 28, "G": 17, "H": 19, "I": 30, "J": 26, "K": 14}
GROUPS |= {"L": 17, "M": 31, "N": 28, "O": 14, "P": 14, "Q": 10, "R": 11, "S": 10, "T": 10, "U": 5}
"""Requirements of each group, numbered from 1."""
WHOLE = "ABCDEFHNOTU"
"""Groups this version is about: each id either holds or says why not."""
PARTS = {"M": (1, 2, 3, 5, 6, 7, 8, 9, 16, 19, 21, 23, 28), "Q": (1, 2, 3, 4, 6)}
"""Of other groups what dispatch needs: duty rosters and roles."""

HOLDS, NOT_YET = PAGE.split("## Not yet")


def is_real(number: str) -> bool:
    return 1 <= int(number[1:]) <= GROUPS[number[0]]


def shown() -> dict[str, list[tuple[str, str]]]:
    """Each id that holds, with file and name of its tests."""
    rows = re.findall(r"^\| ([A-U]\d{1,2}) \|[^|]*\| (.+) \|$", HOLDS, re.MULTILINE)
    return {number: re.findall(r"`([\w/.]+)::(\w+)`", tests) for number, tests in rows}


def missing() -> list[str]:
    """Ids of the table of what does not hold yet."""
    rows = re.findall(r"^\| ([A-U]\d[A-U0-9, ]*) \|", NOT_YET, re.MULTILINE)
    return [number for row in rows for number in row.split(", ")]


def words(file: str) -> dict[str, str]:
    """The tests of a file: name, and name and docstring as text."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {node.name: f"{node.name} {ast.get_docstring(node) or ''}" for node in found}


def test_every_test_that_is_named_exists_and_names_its_requirement() -> None:
    assert len(shown()) > 100
    for number, tests in shown().items():
        assert tests, f"{number} is shown by nothing"
        for file, name in tests:
            told = words(file).get(name)
            assert told is not None, f"{number}: {file} has no {name}"
            assert number in ID.findall(told), f"{name} does not name {number}"


def test_every_id_is_a_real_one_and_stands_in_one_place() -> None:
    both = [*shown(), *missing()]
    assert all(is_real(number) for number in both)
    assert len(both) == len(set(both))
    assert len(re.findall(r"^\| [A-U]\d{1,2} \|", HOLDS, re.MULTILINE)) == len(shown())


def test_every_requirement_of_the_groups_of_this_version_is_accounted_for() -> None:
    wanted = {f"{group}{number}" for group in WHOLE for number in range(1, GROUPS[group] + 1)}
    wanted |= {f"{group}{number}" for group, numbers in PARTS.items() for number in numbers}
    assert wanted <= {*shown(), *missing()}


def test_what_is_not_there_yet_has_a_reason() -> None:
    rows = re.findall(r"^\| [A-U]\d[^|]*\| ([^|]+) \|$", NOT_YET, re.MULTILINE)
    assert rows
    assert all(len(reason.split()) > 2 for reason in rows)


def test_tests_name_no_requirement_that_does_not_exist() -> None:
    for file in (ROOT / "tests").rglob("test_*.py"):
        for name, told in words(str(file.relative_to(ROOT))).items():
            assert all(is_real(number) for number in ID.findall(told)), name
