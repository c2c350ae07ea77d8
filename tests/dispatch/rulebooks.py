"""Shipped desks with other routing, and rules as one would write them in YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.dispatch.policy import Desk
from services.profile.load import load
from services.profile.schema import Routing, RoutingRule
from tests.dispatch.world import POLICY


def rule(name: str, when: Mapping[str, Any], team: str = "desk", **more: Any) -> RoutingRule:
    """A rule to a team; its words are its name."""
    person = more.pop("person", None)
    why = {"zh": f"规则{name}。", "en": f"Rule {name} says so."}
    to = {"team": team, "person": person}
    return RoutingRule.model_validate({"id": name, "when": when, "to": to, "why": why, **more})


def desk_with(rules: Iterable[RoutingRule], name: str = "itss_desk", version: str = "changed", **routing: Any) -> Desk:
    """A shipped desk with these rules and other words of its routing facet."""
    loaded = load(POLICY / name)
    facet = {**loaded.profile.routing.model_dump(exclude={"rules"}), **routing}
    changed = Routing(**facet).model_copy(update={"rules": tuple(rules)})
    return Desk(loaded.profile.model_copy(update={"routing": changed}), version, loaded.roster)
