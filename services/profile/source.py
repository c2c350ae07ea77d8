"""Reads YAML into plain values and remembers the line of each, refusing what could exhaust or surprise.

The YAML 1.2 core words only: `on`, `yes` and `12:30` stay text, so a key may be called `on` and spans need no quotes.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from services.profile.faults import Path, ProfileFault, field_name

LARGEST_FILE = 512 * 1024
DEEPEST = 16
MOST_VALUES = 60_000


# libyaml where PyYAML was built with it: seven services read three profiles at every start.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _CoreLoader(_Safe):
    """The safe loader with the YAML 1.2 core schema instead of 1.1's guesses."""


_CoreLoader.yaml_implicit_resolvers = {}


_RESOLVERS = (
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", "tf"),
    ("tag:yaml.org,2002:null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9]{0,17})$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?[0-9]{1,15}\.[0-9]{1,15}$", "-+0123456789"),
)
for _tag, _pattern, _first in _RESOLVERS:
    _CoreLoader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


class Source:
    """Values of one file and where each stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.values: dict[str, Any] = {}
        self.lines: dict[Path, int] = {}
        self.faults: list[ProfileFault] = []

    def refuse(self, line: int, path: Path, message: str) -> None:
        """Notes a fault of this file; line counts from 1."""
        self.faults.append(ProfileFault(self.file, line, field_name(path), message))


def read(file: str, content: bytes) -> Source:
    """Parses one file; faults are collected in the result, never raised."""
    source = Source(file)
    if len(content) > LARGEST_FILE:
        source.refuse(1, (), f"the file has more than {LARGEST_FILE // 1024} KiB; split it into several files")
        return source
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        source.refuse(line, (), "the file is not UTF-8; save it as UTF-8")
        return source
    try:
        if _bounded(source, text):
            root = yaml.compose(text, Loader=_CoreLoader)
            _take(source, root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        source.refuse(line, (), f"this is no YAML ({error.problem or error.context}); correct the line")
    except yaml.YAMLError:
        source.refuse(1, (), "this is no YAML text; remove control characters")
    return source


def _bounded(source: Source, text: str) -> bool:
    """Walks the events before any tree is built: anchors, aliases, tags, depth and number of values."""
    depth = values = 0
    for event in yaml.parse(text, Loader=_CoreLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            source.refuse(line, (), "anchors and aliases are not allowed; write the value out")
            return False
        if tag := getattr(event, "tag", None):
            source.refuse(line, (), f'the tag "{tag}" is not allowed; write plain values')
            return False
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.ScalarEvent):
            values += 1
        if depth > DEEPEST or values > MOST_VALUES:
            source.refuse(line, (), f"more than {DEEPEST} levels or {MOST_VALUES} values; make the file smaller")
            return False
    return True


def _take(source: Source, root: yaml.Node | None) -> None:
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        source.refuse(root.start_mark.line + 1, (), "a policy file holds facets; begin with a key such as calendars:")
        return
    source.values = _value(source, root, ())


def _value(source: Source, node: yaml.Node, path: Path) -> Any:
    source.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(source, node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_value(source, item, (*path, index)) for index, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(source: Source, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            source.refuse(line, path, "a key must be a word; write key: value")
            continue
        key = str(key_node.value)
        here = (*path, key)
        if key in values:
            source.refuse(line, here, "the key appears twice here; keep one")
            continue
        source.lines[here] = line
        values[key] = _value(source, value_node, here)
    return values


def _scalar(node: yaml.Node) -> Any:
    kind = node.tag.rpartition(":")[2]
    match kind:
        case "bool":
            return node.value == "true"
        case "null":
            return None
        case "int":
            return int(node.value)
        case "float":
            return float(node.value)
        case _:
            return str(node.value)
