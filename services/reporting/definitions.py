"""The registry of figures: name, formula, unit and version of each definition (N19, N21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["%", "s", "count"]


@dataclass(frozen=True, slots=True)
class Definition:
    """What one figure is called and how it is made. A changed formula gets a new version."""

    key: str
    zh: str
    en: str
    formula_zh: str
    formula_en: str
    unit: Unit = "%"
    version: str = "1"


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "timeliness",
        "及时率",
        "Timeliness",
        "适用的所有时限均达成的工单数 / 期内关闭的工单数",
        "tickets that missed no limit that applied / tickets closed in the period",
    ),
    Definition(
        "completion",
        "完成率",
        "Completion",
        "已解决或已关闭的工单数 / 期内受理的工单数",
        "tickets resolved or closed / tickets received in the period",
    ),
    Definition(
        "mean_resolution_time",
        "事件平均解决时间",
        "Mean time to resolve",
        "（解决时间 − 受理时间）之和 / 期内解决的工单数",
        "sum of (resolved - received) / tickets resolved in the period",
        unit="s",
    ),
    Definition(
        "satisfaction",
        "用户满意率",
        "Satisfaction",
        "评为满意的工单数 / 期内已评价的工单数（同一评价量表）",
        "tickets rated as satisfied / tickets rated in the period, one scale",
    ),
    Definition(
        "dispatch_success",
        "服务台派单成功率",
        "Dispatch success",
        "被接受且未因错派退回的派单次数 / 期内派单次数",
        "dispatches accepted and not rejected as wrongly sent / dispatches of the period",
    ),
    Definition(
        "callback_rate",
        "服务台回访率",
        "Callback rate",
        "已回访或正式登记无法接通的工单数 / 期内受理的电子工单数",
        "tickets whose requester was reached or formally unreachable / tickets received in the period",
    ),
    Definition(
        "callback_reached",
        "回访接通",
        "Callbacks reached",
        "已回访到用户的工单数 / 期内受理的电子工单数",
        "tickets whose requester was reached / tickets received in the period",
    ),
    Definition(
        "callback_unreachable",
        "回访无法接通",
        "Callbacks unreachable",
        "正式登记无法接通的工单数 / 期内受理的电子工单数",
        "tickets whose requester was formally unreachable / tickets received in the period",
    ),
    Definition(
        "connection_rate",
        "接通率",
        "Connection rate",
        "人工接听的电话数 / 期内转人工的电话数",
        "calls answered by a person / calls put through to a person in the period",
    ),
    Definition(
        "service_level",
        "服务水平",
        "Service level",
        "{seconds} 秒内接听的电话数 / 期内转人工的电话数",
        "calls answered within {seconds} s / calls put through to a person in the period",
    ),
    Definition(
        "first_contact_resolution",
        "一次问题解决率",
        "First-contact resolution",
        "首次接触即由服务台解决的工单数 / 期内受理的工单数",
        "tickets the desk solved at first contact / tickets received in the period",
    ),
    Definition(
        "first_contact_resolution_mean",
        "一次问题解决率（各月平均）",
        "First-contact resolution, mean of months",
        "各月一次问题解决率之和 / 有受理的月数",
        "sum of the months' first-contact resolution rates / months with tickets",
    ),
    Definition(
        "callback_timeliness",
        "回访及时率",
        "Timeliness of callbacks",
        "在时限内完成回访的次数 / 回访时限在期内到期的次数",
        "callbacks made within their limit / callbacks whose limit was due in the period",
    ),
    Definition(
        "escalation_timeliness",
        "升级工单处理及时率",
        "Timeliness of escalated work orders",
        "在承诺时间前答复客户的升级工单数 / 承诺时间在期内的升级工单数",
        "escalated work orders answered by the promised time / escalated work orders promised for the period",
    ),
    Definition(
        "volume", "工单受理量", "Tickets received", "期内受理的工单数", "tickets received in the period", unit="count"
    ),
    Definition("contacts", "联络量", "Contacts", "期内记录的联络次数", "contacts recorded in the period", unit="count"),
)

BY_KEY = {definition.key: definition for definition in DEFINITIONS}
