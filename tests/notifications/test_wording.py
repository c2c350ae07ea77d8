"""Templates: checked when the service starts, harmless when they are rendered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.kernel.errors import Refused
from services.notifications.model import Facts, Recipient
from services.notifications.wording import LONGEST_TEXT, Wording
from services.profile.lookups import Lookups
from services.profile.schema import Notices
from tests.notifications.world import NOON, NUMBER, profiles

FACTS = Facts("ticket.opened", NUMBER, "itss_desk", NOON, title="打印机")
READER = Recipient("li.wei", "李伟", "zh-CN", {})


def wording(text: str, subject: str = "s") -> Wording:
    """The itss_desk profile with one template "t"."""
    both = {language: {"subject": subject, "text": text} for language in ("zh-CN", "en")}
    notices = Notices.model_validate({"sender": "desk@a.example", "templates": {"t": both}})
    profile = profiles().default.profile.model_copy(update={"notices": notices})
    return Wording(Lookups(profile), lambda task: f"link/{task}")


def test_every_template_we_ship_renders_in_both_languages():
    for loaded in profiles():
        Wording(loaded.lookups, lambda task: "link").check()


@pytest.mark.parametrize("text", ["{{ ticket.nummer }}", "{{ phone }}", "{% if %}", "{{ ticket.title", "{{ 1 / 0 }}"])
def test_a_template_with_a_fault_is_refused_at_start_by_its_name(text):
    """O9."""
    with pytest.raises(Refused) as refused:
        wording(text).check()
    assert refused.value.field == "notices.templates.t.zh-CN"
    assert "itss_desk" in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "{{ ticket.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ survey_link.__init__.__globals__ }}",
        "{{ self.__init__.__globals__ }}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(text):
    with pytest.raises(Refused):
        wording(text).check()


def test_a_template_that_never_ends_is_cut():
    _, text = wording(
        "{% for a in range(90000) %}{% for b in range(90000) %}xxxxxxxxxx{% endfor %}{% endfor %}"
    ).render("t", FACTS, READER)
    assert len(text) == LONGEST_TEXT


def test_a_title_cannot_put_a_line_into_the_subject():
    subject, _ = wording("x", "[{{ ticket.number }}] {{ ticket.title }}").render(
        "t", replace(FACTS, title="a\r\nBcc: everybody@a.example"), READER
    )
    assert subject == f"[{NUMBER}] a Bcc: everybody@a.example"


def test_a_title_is_text_and_never_a_template():
    _, text = wording("{{ ticket.title }}").render("t", replace(FACTS, title="{{ 7 * 7 }} <b>"), READER)
    assert text == "{{ 7 * 7 }} <b>"


def test_the_name_of_a_whistle_blower_is_hidden_from_staff():
    """P12."""
    facts = replace(FACTS, requester_name="张三", anonymous=True)
    assert wording("{{ ticket.requester }}").render("t", facts, READER)[1] == ""
    requester = replace(READER, staff=False)
    assert wording("{{ ticket.requester }}").render("t", facts, requester)[1] == "张三"


def test_labels_are_in_the_readers_language():
    found = wording("{{ ticket.state }}/{{ role }}")
    facts = replace(FACTS, state="closed", roles=("desk_manager",))
    zh, en = found.render("t", facts, READER)[1], found.render("t", facts, READER, "en")[1]
    assert zh != en
    assert "desk_manager" not in zh + en


def test_a_link_is_signed_only_where_it_is_printed():
    made: list[str] = []

    def link(task: str) -> str:
        made.append(task)
        return "link"

    found = Wording(profiles().default.lookups, link)
    found.render("callback_due", replace(FACTS, task_id="t"), READER)
    assert made == []
    found.render("survey", replace(FACTS, task_id="t"), READER)
    assert made == ["t"]
