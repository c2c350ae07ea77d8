"""Who writes or calls: recognised by phone, e-mail or IM address (A10), and the form of telephone numbers (A14)."""

from __future__ import annotations

from services.contracts.deskstream.v1.common_pb2 import Requester
from services.profile.forms import phone_has_form as phone_has_form
from services.profile.lookups import Lookups
from services.profile.schema import Customer


def recognise(requester: Requester, lookups: Lookups) -> Customer | None:
    """The customer, by identifier, IM address, e-mail or phone, in this order; None when nobody is known so."""
    if requester.id in lookups.customers:
        return lookups.customers[requester.id]
    return (
        (lookups.customer_by_im(requester.im) if requester.im else None)
        or (lookups.customer_by_email(requester.email) if requester.email else None)
        or lookups.customer_by_phone(requester.phone)
    )


def complete(requester: Requester, lookups: Lookups) -> None:
    """Fills what the message left empty from what is known of its sender; what it says itself stays."""
    customer = recognise(requester, lookups)
    if customer is not None:
        requester.id = customer.id
        requester.external = customer.external
        phone, email = next(iter(customer.phones), ""), next(iter(customer.emails), "")
        _fill(requester, customer.name, customer.department, customer.unit, customer.language, phone, email)
    elif requester.id in lookups.people:
        # Staff report faults too (机房监控人员, A21).
        person = lookups.people[requester.id]
        _fill(requester, person.name, "", person.unit, person.language, "", person.addresses.get("smtp", ""))


def _fill(to: Requester, name: str, department: str, unit: str, language: str, phone: str, email: str) -> None:
    to.name = to.name or name
    to.department = to.department or department
    to.unit = to.unit or unit
    to.language = to.language or language
    to.phone = to.phone or phone
    to.email = to.email or email
