"""From sums to figures: rounding, target, verdict and trend (N10, N25). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Literal

from services.profile.schema import Kpis, KpiTarget
from services.reporting.definitions import BY_KEY, DEFINITIONS, Definition
from services.reporting.periods import Period
from services.reporting.policy import SATISFACTION
from services.reporting.tally import Tally, total

Verdict = Literal["met", "missed", "none", "no_data"]
Trend = Literal["rising", "falling", "steady", "mixed", "none"]

_SECOND_US = 1_000_000
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with what stands behind it."""

    key: str
    name: str
    formula: str
    numerator: Decimal
    denominator: int
    value: str
    unit: str
    target: str
    verdict: Verdict
    trend: Trend
    definition_version: str


@dataclass(frozen=True, slots=True)
class Sums:
    """The months of the period, and of the periods of its kind before it, oldest first."""

    period: Period
    months: Sequence[Tally]
    earlier: Sequence[Sequence[Tally]] = ()


def percent(numerator: Decimal | int, denominator: int) -> str:
    """Percent with two decimals, half up, in decimal arithmetic: 1/3 is "33.33", 1/800 is "0.13" (N25)."""
    return _rounded(Decimal(numerator) * 100 / denominator) if denominator else ""


def trend(values: Sequence[Decimal]) -> Trend:
    """Rising when no step falls and the last exceeds the first: 95, 100, 100 rises (N10)."""
    if len(values) < 2:
        return "none"
    steps = [later - earlier for earlier, later in pairwise(values)]
    if all(step == 0 for step in steps):
        return "steady"
    if all(step >= 0 for step in steps):
        return "rising"
    return "falling" if all(step <= 0 for step in steps) else "mixed"


def figures(sums: Sums, kpis: Kpis, scale: str, language: str) -> list[Figure]:
    """Every figure of the registry, then one of satisfaction for each further scale that was used (F17).

    scale: the profile's own satisfaction scale; language: BCP 47, Chinese unless it starts with "en".
    """
    whole = total(sums.months)
    made = [_figure(definition, definition.key, sums, kpis, scale, language) for definition in DEFINITIONS]
    others = sorted(key for key in whole.figures if key.startswith(SATISFACTION) and key != SATISFACTION + scale)
    return made + [_figure(BY_KEY["satisfaction"], key, sums, kpis, scale, language) for key in others]


def source_of(key: str, scale: str) -> str:
    """The name under which records of a figure are counted."""
    if key == "satisfaction":
        return SATISFACTION + scale
    return "first_contact_resolution" if key == "first_contact_resolution_mean" else key


def judged(value: str, target: KpiTarget | None) -> Verdict:
    """The printed value against its target: what a reader sees is what is judged (N2, N25)."""
    if not value:
        return "no_data"
    if target is None or target.target is None:
        return "none"
    limit = Decimal(str(target.target))
    measured = Decimal(value)
    return "met" if (measured >= limit if target.op == ">=" else measured <= limit) else "missed"


def _figure(definition: Definition, key: str, sums: Sums, kpis: Kpis, scale: str, language: str) -> Figure:
    english = language.startswith("en")
    source = source_of(key, scale)
    numerator, denominator = _parts(definition, source, sums.months)
    value = _value(definition, numerator, denominator)
    history = [
        Decimal(text)
        for text in (_value(definition, *_parts(definition, source, months)) for months in (*sums.earlier, sums.months))
        if text
    ]
    target = _target(kpis, key, sums.period)
    name = definition.en if english else definition.zh
    formula = (definition.formula_en if english else definition.formula_zh).format(seconds=kpis.answer_seconds)
    return Figure(
        key,
        f"{name} ({key.removeprefix(SATISFACTION)})" if key.startswith(SATISFACTION) else name,
        formula,
        numerator,
        denominator,
        value,
        definition.unit,
        _target_text(target, definition),
        # Targets are written as fractions (0.95) where the figure is a percentage.
        judged(str(Decimal(value) / 100) if value and definition.unit == "%" else value, target),
        trend(history) if value else "none",
        f"{definition.key}/{definition.version}",
    )


def _parts(definition: Definition, source: str, months: Sequence[Tally]) -> tuple[Decimal, int]:
    if definition.key == "first_contact_resolution_mean":
        rates = [Decimal(above * 100) / below for above, below in (month.of(source) for month in months) if below]
        return _quantized(sum(rates, Decimal(0)) / 100, Decimal("0.000001")), len(rates)
    above = sum(month.of(source)[0] for month in months)
    below = sum(month.of(source)[1] for month in months)
    return Decimal(above) / _SECOND_US if definition.unit == "s" else Decimal(above), below


def _value(definition: Definition, numerator: Decimal, denominator: int) -> str:
    if definition.unit == "count":
        return str(denominator)
    if not denominator:
        return ""
    return percent(numerator, denominator) if definition.unit == "%" else _rounded(numerator / denominator)


def _target(kpis: Kpis, key: str, period: Period) -> KpiTarget | None:
    """The target for periods of this kind; a range is held against the target whatever its periods (N11)."""
    for target in kpis.targets:
        if (
            target.key == key
            and target.target is not None
            and (period.kind == "range" or period.kind in target.periods)
        ):
            return target
    return None


def _target_text(target: KpiTarget | None, definition: Definition) -> str:
    if target is None or target.target is None:
        return ""
    limit = Decimal(str(target.target))
    if definition.unit == "%":
        return f"{target.op} {_rounded(limit * 100)}%"
    return f"{target.op} {limit.normalize():f}{' s' if definition.unit == 's' else ''}"


def _rounded(number: Decimal) -> str:
    return str(_quantized(number, _CENT))


def _quantized(number: Decimal, step: Decimal) -> Decimal:
    return number.quantize(step, rounding=ROUND_HALF_UP)
