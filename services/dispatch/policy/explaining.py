"""A routing decision in words, in both languages: where to, why, why this person, and why no rule before (C2).

The words are made when somebody asks, from the facts stored with the decision. What was said then stays true: when the
policy has changed since, the stored sentence is quoted and the explanation says that it is of an earlier version.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.dispatch.model import Decision
from services.dispatch.policy.desk import Desk
from services.dispatch.policy.routing import CATALOGUE, OUT_OF_HOURS
from services.profile.condition_tree import Miss, first_miss
from services.profile.expressions import FLAGS
from services.profile.facet import Label
from services.profile.forms import LISTED

SHOWN = 12
"""Rules tried of which the reason is told: the last before the decision."""
_VALUES = 6

FACTS: Mapping[str, Label] = {
    "type": Label(en="type", zh="类型"),
    "neutral_type": Label(en="neutral type", zh="统一类型"),
    "grade": Label(en="grade", zh="分级"),
    "entry": Label(en="catalogue entry", zh="服务目录项"),
    "channel": Label(en="channel", zh="渠道"),
    "project": Label(en="project", zh="项目"),
    "unit": Label(en="unit", zh="单位"),
    "department": Label(en="department", zh="部门"),
    "customer": Label(en="customer", zh="客户"),
    "language": Label(en="language", zh="语言"),
    "path": Label(en="path", zh="处理途径"),
    "flow": Label(en="flow", zh="流程"),
    "lead_team": Label(en="lead department", zh="主责部门"),
    "impact": Label(en="impact", zh="影响度"),
    "urgency": Label(en="urgency", zh="紧急度"),
    "in_hours": Label(en="in service hours", zh="服务时间内"),
    "major": Label(en="major", zh="重大"),
    "external": Label(en="external", zh="外部用户"),
    "backfilled": Label(en="backfilled", zh="补录"),
    "weekday": Label(en="weekday", zh="星期"),
    "time": Label(en="time", zh="时间"),
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "channel": {
        **{"phone": "电话", "email": "邮件", "web": "网页", "im": "即时通讯"},
        **{"on_site": "现场", "monitoring": "监控"},
    },
    "weekday": {"mon": "一", "tue": "二", "wed": "三", "thu": "四", "fri": "五", "sat": "六", "sun": "日"},
    "calendar": {"open": "开放", "closed": "关闭"},
    "language": {"zh": "中文", "en": "英文"},
}


def explain(desk: Desk, decision: Decision, language: str, *, inside: bool = True) -> str:
    """The decision in words, zh-CN unless the language starts with "en" (C2).

    `inside`: for people of the desk; others are not told of the rules for other customers, nor of loads and skills.
    """
    return _Words(desk, decision, language).text(inside)


class _Words:
    """One explanation in one language."""

    def __init__(self, desk: Desk, decision: Decision, language: str) -> None:
        self._desk = desk
        self._decision = decision
        self._language = language
        self._en = language.startswith("en")
        self._same = decision.policy_version in ("", desk.version)

    def text(self, inside: bool) -> str:
        """Where to and when; the rule; the person; the facts; the rules tried."""
        parts = [self._where() + self._why(), self._facts()]
        if inside:
            parts = [parts[0], self._decision.why_person_in(self._language), parts[1], self._tried()]
        return (" " if self._en else "").join(part for part in parts if part)

    def _say(self, en: str, zh: str) -> str:
        return en if self._en else zh

    def _where(self) -> str:
        decision = self._decision
        team = self._desk.teams.get(decision.team)
        where = team.name.in_language(self._language) if team else decision.team
        when = f"{decision.at:%Y-%m-%d %H:%M:%S} UTC"
        under = self._say(f" under policy {decision.policy_version}", f"，规则版本 {decision.policy_version}")
        under = under if decision.policy_version else ""
        held = self._say(f", to {decision.assignee}", f"，处理人{decision.assignee}") if decision.assignee else ""
        return self._say(
            f"It went to {where}{held}, decided {when}{under}; ", f"分派到{where}{held}，决定时间 {when}{under}；"
        )

    def _why(self) -> str:
        decision, rules = self._decision, self._desk.rules
        if decision.rule == OUT_OF_HOURS:
            return self._say(
                "it was received outside the desk's hours, so it went to the emergency seat.",
                "服务时间之外受理，转应急坐席。",
            )
        if decision.rule == CATALOGUE:
            return self._say(
                "no rule matched; the service catalogue names the team for its entry.",
                "没有规则命中，按服务目录为该项指定的班组分派。",
            )
        if not decision.rule:
            return self._say(
                "no rule matched, so it went to the team that takes the unmatched and nothing is lost.",
                "没有规则命中，转由受理未命中工单的班组处理，不会遗漏。",
            )
        score = self._say(f" (score {decision.score})", f"（得分{decision.score}）") if decision.score else ""
        known = rules.rules[rules.by_id[decision.rule]] if decision.rule in rules.by_id else None
        if known is not None and self._same:
            why = known.why.in_language(self._language).rstrip(".。")
            return self._say(
                f'rule "{decision.rule}" matched{score}: {why}.', f"命中规则“{decision.rule}”{score}：{why}。"
            )
        why = decision.reason.removesuffix(decision.why_person).removesuffix(decision.why_person_en).rstrip(" .。")
        now = self._desk.version
        since = (
            self._say("is no longer in", "已不在")
            if known is None
            else self._say("may read otherwise in", "可能已不同于")
        )
        return self._say(
            f'rule "{decision.rule}" matched{score}, in the words of that version: {why}. '
            f"The rule {since} the policy in force ({now}).",
            f"命中规则“{decision.rule}”{score}，当时的说明：{why}。该规则{since}现行规则版本（{now}）。",
        )

    def _facts(self) -> str:
        told = [
            f"{self._label(fact)}{self._say(' ', '：')}{self._value(fact, value)}"
            for fact, value in self._decision.facts.items()
            if value and (fact in FACTS or "." in fact)
        ]
        return self._say(f"The facts were: {', '.join(told)}.", f"依据：{'，'.join(told)}。") if told else ""

    def _tried(self) -> str:
        decision = self._decision
        count = max(decision.tried_count, len(decision.tried))
        if not count:
            return ""
        if self._same:
            passed = list(self._desk.rules.passed_over(decision.facts, decision.rule))[-SHOWN:]
            misses = [(rule, first_miss(tree, decision.facts)) for rule, tree in passed]
            told = [f"{rule}{self._say(': ', '：')}{self._miss(miss)}" if miss else rule for rule, miss in misses]
        else:
            told = list(decision.tried[-SHOWN:])
        more = count - len(told)
        others = self._say(f"; and {more} more", f"；另有{more}条") if more > 0 else ""
        listed = self._say("; ", "；").join(told)
        return self._say(f"Tried before without a match: {listed}{others}.", f"此前未命中的规则：{listed}{others}。")

    def _miss(self, miss: Miss) -> str:
        if miss.instead:
            inner = [self._miss(each) for each in miss.instead[:_VALUES]]
            return self._say(f"none of its alternatives ({'; '.join(inner)})", f"各项均不符合（{'；'.join(inner)}）")
        if not miss.fact:
            return self._say("a combination holds that the rule excludes", "符合规则所排除的组合")
        label = self._label(miss.fact)
        got = self._value(miss.fact, miss.got) or self._say("not given", "空")
        if miss.excluded:
            return self._say(f"{label} is {got}, which it excludes", f"{label}为{got}，已被规则排除")
        values = [self._value(miss.fact, value) for value in miss.wanted if value or miss.fact not in FLAGS]
        wanted = self._say(" or ", "或").join(value for value in values[:_VALUES] if value)
        wanted += self._say(" or others", "等") if len(values) > _VALUES else ""
        return self._say(f"{label} is {got}, not {wanted}", f"{label}为{got}，而非{wanted}")

    def _label(self, fact: str) -> str:
        if fact in FACTS:
            return FACTS[fact].in_language(self._language)
        kind, _, name = fact.partition(".")
        if kind == "calendar":
            return self._say(f"calendar {name}", f"日历{name}")
        field = self._desk.profile.catalogue.by_name.get(name)
        return field.label.in_language(self._language) if field else name

    def _value(self, fact: str, value: str) -> str:
        """In Chinese the profile's own label where it has one; in English the key, as the rule has it."""
        if fact in FLAGS:
            return self._say("yes", "是") if value == "true" else self._say("no", "否")
        if self._en or not value:
            return value
        kind, _, name = fact.partition(".")
        if value in _WORDS.get(kind, {}):
            return _WORDS[kind][value]
        catalogue = self._desk.profile.catalogue
        field = catalogue.by_name.get(name)
        labels: Mapping[str, Label] = {}
        if kind == "fields" and field is not None:
            labels = catalogue.options(field)
        elif kind in LISTED:
            labels = catalogue.listed(kind)
        return labels[value].zh if value in labels else value
