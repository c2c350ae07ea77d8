"""What is made of the words of a channel: clean texts, fields read from lines, people recognised, secrets hidden."""

from __future__ import annotations

import time
import unicodedata
from contextvars import copy_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.deskstream.v1.common_pb2 import Attachment, Channel
from services.contracts.deskstream.v1.intake_pb2 import RequestDraft, SubmitRequest
from services.intake.attachments import Attachments
from services.intake.channels.web import draft_from, values_from
from services.intake.credentials import HIDDEN, redact
from services.intake.drafts import clean, get_field, normalised
from services.intake.forms import form_of
from services.intake.handlers import Taken
from services.intake.judgement import judge, judge_whole
from services.intake.model import Receipt
from services.intake.requesters import phone_has_form
from services.intake.server import Servicer
from services.kernel.errors import Refused, Unavailable
from services.runtime.identity import Principal
from services.runtime.rpc import _caller
from tests.intake.world import NOW, draft, profiles

ITSS, GENERIC = profiles().get("itss_desk"), profiles().get("generic_desk")


def mail(description: str, **requester: str) -> RequestDraft:
    made = RequestDraft(channel=Channel.CHANNEL_EMAIL, source_id="<a@b>", description=description)
    for name, value in requester.items():
        setattr(made.requester, name, value)
    return made


@given(st.text())
def test_clean_text_is_nfc_without_control_characters_and_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once == unicodedata.normalize("NFC", once)
    assert not any(letter < " " and letter not in "\n\t" for letter in once)


@pytest.mark.parametrize(
    ("known_by", "value"),
    [("phone", "138 0013-8001"), ("phone", "+86 13800138001"), ("phone", "010-65551001"),
     ("email", "He.Jie@corp.example"), ("im", "dingtalk:hejie01"), ("id", "c.he.jie")],
)  # fmt: skip
def test_a_requester_is_recognised_however_the_address_is_written(known_by: str, value: str) -> None:
    """A10."""
    found = normalised(mail("x", **{known_by: value}), ITSS.lookups, NOW).requester
    assert (found.id, found.name, found.department) == ("c.he.jie", "何洁", "财务部")


def test_what_the_requester_says_of_themselves_stays() -> None:
    found = normalised(mail("x", email="he.jie@corp.example", name="小何", phone="8001"), ITSS.lookups, NOW).requester
    assert (found.id, found.name, found.phone, found.department) == ("c.he.jie", "小何", "8001", "财务部")


def test_a_watcher_of_the_machine_room_is_known_by_the_staff_list() -> None:
    """A21."""
    assert normalised(mail("x", id="wu.hao"), ITSS.lookups, NOW).requester.name == "吴昊"


def test_lines_of_a_mail_are_read_as_fields_so_that_a_strict_desk_can_take_it() -> None:
    """A7: 001 demands the scope of impact, of mails too."""
    without = normalised(
        mail("系统打不开", name="何洁", email="x@y.example", department="财务部"), GENERIC.lookups, NOW
    )
    assert [fault.field for fault in judge(without, GENERIC.profile, NOW)] == ["impact_scope"]
    text = "系统打不开\n部门：财务部\n - 影响范围: 全楼\n密级：无"
    told = normalised(mail(text, name="何洁", email="x@y.example"), GENERIC.lookups, NOW)
    assert judge(told, GENERIC.profile, NOW) == ()
    assert (told.requester.department, told.impact_scope, told.title) == ("财务部", "全楼", "系统打不开")


@pytest.mark.parametrize("said", ["service_request", "服务请求", "Service Request"])
def test_a_choice_may_be_said_by_its_key_or_its_label(said: str) -> None:
    assert normalised(draft(type=said), ITSS.lookups, NOW).type == "service_request"


def test_the_given_draft_is_left_as_it_was() -> None:
    given_draft = draft(title="  a   b ")
    before = given_draft.SerializeToString(deterministic=True)
    assert normalised(given_draft, ITSS.lookups, NOW).title == "a b"
    assert given_draft.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("number", "good"),
    [("13800138001", True), ("1380013800", False), ("138001380011", False), ("010-65551001", True), ("8001", True),
     ("65551001", True), ("+44 20 7946 0123", True), ("12", False), ("abc", False), ("400-820-0100", True)],
)  # fmt: skip
def test_the_form_of_a_telephone_number(number: str, good: bool) -> None:
    """A14: a mobile number of ten digits is wrong."""
    assert phone_has_form(number) == good


@pytest.mark.parametrize(
    "change",
    [
        lambda one: setattr(one, "description", "长" * 4001),
        lambda one: setattr(one, "title", "长" * 201),
        lambda one: setattr(one, "source_id", ""),
        lambda one: setattr(one, "source_id", "x" * 501),
        lambda one: setattr(one, "grade", "P9"),
        lambda one: setattr(one, "project", "nowhere"),
        lambda one: setattr(one.requester, "email", "no address"),
        lambda one: one.fields.update({f"f{n}": "x" for n in range(51)}),
        lambda one: one.fields.update({"f": "x" * 4001}),
        lambda one: one.attachments.extend([Attachment(reference="a:b")] * 21),
        lambda one: one.attachments.add(name="without a reference"),
        lambda one: one.attachments.add(reference="a:b", sha256="xyz"),
        lambda one: one.attachments.add(reference="a:b", media_type="x" * 101),
    ],
)
def test_everything_has_bounds_and_one_fault_names_what_is_wrong(change) -> None:
    one = draft()
    change(one)
    assert len(judge(normalised(one, ITSS.lookups, NOW), ITSS.profile, NOW)) == 1


@pytest.mark.parametrize(
    ("text", "secret"),
    [("密码：Abc12345，请看", "Abc12345"), ("my password is hunter2!", "hunter2!"), ("pwd=xyz123", "xyz123"),
     ("登录口令为 qwerty99", "qwerty99"), ("Authorization: Bearer abcdefghijklmnop1234", "abcdefghijklmnop1234"),
     ("mysql://root:s3cr3t@10.0.0.1/db", "s3cr3t"),
     ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE")],
)  # fmt: skip
def test_what_looks_like_a_credential_is_hidden(text: str, secret: str) -> None:
    """P4."""
    hidden = redact(text)
    assert secret not in hidden
    assert HIDDEN in hidden
    assert redact(hidden) == hidden


@pytest.mark.parametrize(
    "text", ["忘记密码了，无法登录", "请重置我的密码。", "密码错误三次", "https://desk.example/a:b@c"]
)
def test_talk_about_passwords_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_a_filled_form_becomes_a_draft_in_the_desks_own_time() -> None:
    values = values_from(
        "name=何洁&phone=8001&description=网络不通&occurred_at=2026-11-20T10:00&address=3号楼".encode(),
        "application/x-www-form-urlencoded",
    )
    one = draft_from(values, ITSS.profile, "form-1")
    assert (one.requester.name, one.requester.phone, one.fields["address"]) == ("何洁", "8001", "3号楼")
    assert one.occurred_at.ToJsonString() == "2026-11-20T02:00:00Z"
    assert get_field(one, "contact") == "8001"


@pytest.mark.parametrize(
    "name", ["major", " major", "ma\u200bjor", "risky", "upper_unit", "entered_at", "proposed_grade"]
)
def test_a_form_that_anybody_may_fill_in_raises_no_flags_of_the_desk(name: str) -> None:
    """C18: flags open and shut the gates of a flow, and some choose the way."""
    one = normalised(draft_from({"description": "网络不通", name: "true"}, ITSS.profile, "f"), ITSS.lookups, NOW)
    assert dict(one.fields) == {}


def test_a_form_does_not_say_that_it_was_answered_or_whose_matter_it_is() -> None:
    """D-group: a contact's id ends the time to respond."""
    values = {"description": "网络不通", "contact_id": "c-1", "recorder": "li.wei", "backfilled": "true"}
    one = draft_from(values, ITSS.profile, "f")
    assert (one.contact_id, one.recorder, one.backfilled, one.HasField("origin")) == ("", "", False, False)


@pytest.mark.parametrize("body", [b'{"name": "\\ud800"}', b"[1]", b"{", b'{"name": {}}', b"\xff", b"x" * 300_000])
def test_a_body_that_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        values_from(body, "application/json")


@pytest.mark.parametrize("written", ["yesterday", "0001-01-01T00:00", "9999-12-31T23:59-14:00"])
def test_a_time_that_is_none_is_refused_with_its_field(written: str) -> None:
    with pytest.raises(Refused) as refused:
        draft_from({"occurred_at": written}, ITSS.profile, "x")
    assert refused.value.field == "occurred_at"


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("profile", [ITSS, GENERIC])
def test_a_form_filled_as_it_asks_is_taken(profile, language: str) -> None:
    """A7, A18, B2: what GetForm offers is what the judgement accepts."""
    form = form_of(profile.profile, language)
    one = RequestDraft(channel=Channel.CHANNEL_WEB, source_id="f", profile=profile.name)
    values = {"phone": "13800138001", "email": "a@b.example", "time": "2026-11-20T09:00"}
    for field in form.fields:
        value = field.choices[-1].value if field.choices else values.get(field.kind, "全楼")
        one.MergeFrom(draft_from({field.name: value}, profile.profile, "f"))
    assert judge(normalised(one, profile.lookups, NOW), profile.profile, NOW) == ()
    assert all(field.label for field in form.fields)


def test_files_are_kept_once_and_the_folder_has_a_bound(tmp_path: Path) -> None:
    """A11."""
    store = Attachments(tmp_path / "a", most_bytes=10)
    one, again = store.put("一.txt", "text/plain", b"12345678"), store.put("二.txt", "text/plain", b"12345678")
    assert one.reference == again.reference
    assert store.path(one.sha256).read_bytes() == b"12345678"
    with pytest.raises(Unavailable, match="full"):
        store.put("x", "text/plain", b"abc")
    with pytest.raises(Unavailable):
        Attachments(tmp_path / "a", most_bytes=10).put("x", "text/plain", b"abc")


@pytest.mark.parametrize(
    "text", ["a" + "\n" * 100_000 + "b", "a: b" + " " * 100_000 + "c", ("a:" + " " * 300 + "\n") * 300]
)
def test_no_text_takes_the_square_of_its_length_to_read(text: str) -> None:
    """Blank lines once took minutes; anybody may send them."""
    begun = time.process_time()
    normalised(mail(text, name="何洁"), GENERIC.lookups, NOW)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "change",
    [
        lambda one: setattr(one, "description", "x" * 200_000),
        lambda one: one.attachments.add(reference="a:b", media_type="x" * 200_000),
        lambda one: setattr(one.received_at, "seconds", 10**18),
        lambda one: setattr(one.occurred_at, "seconds", 253402300799),
        lambda one: setattr(one.occurred_at, "nanos", -1),
    ],
)
def test_what_is_too_large_or_at_no_time_is_refused_unread(change) -> None:
    one = draft()
    assert judge_whole(one) == ()
    change(one)
    [fault] = judge_whole(one)
    assert fault.field in ("body", "received_at", "occurred_at")


@pytest.mark.parametrize("roles", [{"requester"}, {"requester", "reporter"}, {"requester", "quality"}])
def test_who_does_not_work_at_the_desk_speaks_for_themselves_only(roles: set[str]) -> None:
    """A further role that reads, such as of reports, gives no right to speak for others."""
    told: list[RequestDraft] = []

    class Ear:
        def submit(self, one: RequestDraft, actor: str) -> Taken:
            told.append(one)
            return Taken(Receipt("web/1", "DS20261120-000001", NOW, False, "", "", b""))

    given_draft = draft(contact_id="c-1")
    given_draft.backfilled = True
    given_draft.requester.id = "c.he.jie"
    given_draft.fields["major"] = "true"
    given_draft.origin.target = "DS20261120-000009"

    def submit(who: Principal) -> None:
        _caller.set(who)
        Servicer(Ear(), None, profiles()).Submit(SubmitRequest(draft=given_draft), None)  # type: ignore[arg-type]

    copy_context().run(submit, Principal("c.lin.tao", roles=frozenset(roles)))
    (one,) = told
    assert (one.requester.id, one.backfilled, one.contact_id, one.HasField("origin")) == ("c.lin.tao", False, "", False)
    assert "major" not in one.fields
    copy_context().run(submit, Principal("zhou.min", roles=frozenset({"specialist"})))
    assert told[-1] == given_draft
