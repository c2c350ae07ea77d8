"""Ticket numbers (工单编号, B1): DS, the local day of receipt, and a running number."""

from __future__ import annotations

import re
from datetime import date

_NUMBER = re.compile(r"^DS(\d{8})-(\d{6,12})$")


def ticket_number(day: date, sequence: int) -> str:
    """The number of the sequence-th ticket of a day, counted from 1: DS20261121-000001."""
    if sequence < 1:
        raise ValueError("a ticket sequence starts at 1")
    return f"DS{day:%Y%m%d}-{sequence:06d}"


def is_ticket_number(text: str) -> bool:
    """Whether the text has the form of a ticket number."""
    return _NUMBER.match(text) is not None


def find_ticket_number(text: str) -> str:
    """The first ticket number in a text such as a mail subject, or an empty string."""
    match = re.search(r"(?<![A-Za-z0-9])DS\d{8}-\d{6,12}(?![0-9])", text)
    return match[0] if match else ""
