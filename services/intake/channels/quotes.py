"""What a reply says itself, without the mails it quotes: the forms Chinese and international clients write."""

from __future__ import annotations

import re

from mailparser_reply import EmailReplyParser

_HEADING = r"\s*[-_—=－]{2,}\s*"
_CUTS = tuple(
    re.compile(form, re.IGNORECASE | re.MULTILINE)
    for form in (
        # QQ, Foxmail, Outlook in Chinese and English: "------------------ 原始邮件 ------------------"
        rf"^{_HEADING}(?:原始邮件|原始信件|原邮件|转发邮件|回复的原邮件|Original(?: Message| Email)?){_HEADING}$",
        # 163: "---- 回复的原邮件 ----", "| | 发件人 | ... |", "At 2026-11-20 10:00:00, "li" <li@163.com> wrote:"
        r"^\s*At \d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?,.{0,200}wrote:\s*$",
        r"^\s*在\s*\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?[，,]?\s*.{0,200}写道\s*[:：]\s*$",
        # Gmail in Chinese, often wrapped after the address: "李伟 <li@x.cn> 于2026年11月20日周五 10:00写道："
        r"^[^\n]{0,160}<?\n?[^\s<>@]+@[^\s<>]+>?\s*(?:\n\s*)?[于在]\s*"
        r"\d{4}年\d{1,2}月\d{1,2}日[^\n]{0,60}(?:\n[^\n]{0,60})?写道\s*[:：]\s*$",
        r"^\s*在\s*\d{4}年\d{1,2}月\d{1,2}日[^\n]{0,160}(?:\n[^\n]{0,160})?写道\s*[:：]\s*$",
        r"^\s*On [^\n]{5,200}(?:\n[^\n]{0,200})?wrote:\s*$",
        # Outlook: a block of headers, in bold or not
        r"^\s*[*_]{0,2}发件人\s*[*_]{0,2}\s*[:：][^\n]*\n(?:[^\n]*\n){0,2}?\s*[*_]{0,2}(?:发送时间|发送日期|日期|时间|收件人|抄送)",
        r"^\s*[*_]{0,2}From\s*[*_]{0,2}:[^\n]*\n(?:[^\n]*\n){0,2}?\s*[*_]{0,2}(?:Sent|Date|To)\s*[*_]{0,2}:",
        r"^\s*_{20,}\s*$",
    )
)
_DEVICE = re.compile(
    r"^\s*(?:发自我的\s?\S.{0,30}|从我的\s?\S{1,20}\s?发送|Sent from my .{1,40}|Get Outlook for .{1,20})\s*$",
    re.MULTILINE,
)
_REPLY = re.compile(r"^\s*(?:re|回复|答复|回覆|答覆)\s*(?:\[\d+\])?\s*[:：]", re.IGNORECASE)
_PARSER = EmailReplyParser(languages=["en", "zh"])
_LONGEST = 200_000
_BLANK = re.compile(r"\n{4,}")


def is_reply_subject(subject: str) -> bool:
    """ "Re:", "回复：", "答复:" and the like."""
    return _REPLY.match(subject) is not None


def reply_of(text: str) -> str:
    """The newest words of a reply; the whole text when nothing would be left (an answer written below the quote)."""
    lines = text.replace("\r\n", "\n")[:_LONGEST].split("\n")
    # The expressions look over blank lines, and would take the square of their number.
    whole = _BLANK.sub("\n\n\n", "\n".join(line.rstrip() for line in lines))
    cuts = [found.start() for form in _CUTS if (found := form.search(whole))]
    own = whole[: min(cuts)] if cuts else whole
    if len(own) < 20_000:
        # Only where it is cheap: for the forms of other languages, and signatures.
        own = _PARSER.parse_reply(own) or own
    own = "\n".join(line for line in own.split("\n") if not line.lstrip().startswith(">"))
    own = _DEVICE.sub("", own).strip()
    return own or whole.strip()
