"""A further key (CC) of an adapter's message, which brokers before 4 do not check, brings nothing about."""

from __future__ import annotations

import pika
import pytest

from services.runtime import topology
from services.runtime.bus_hearing import _opened
from tests.deploy.test_rabbitmq import desk, users  # noqa: F401 - fixtures


class _Taken:
    """A delivery as py-amqp gives it."""

    def __init__(self, method, properties, body) -> None:
        self.delivery_info = {
            "routing_key": method.routing_key,
            "exchange": method.exchange,
            "delivery_tag": method.delivery_tag,
        }
        self.properties = {"application_headers": properties.headers}
        self.body = body


@pytest.mark.real
@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_what_an_adapter_says_beside_is_known_by_the_key_it_was_said_with(desk, header):  # noqa: F811
    """P2: whatever key its headers claim, and in whatever queue it lies."""
    adapter = desk["adapter"].channel()
    adapter.confirm_delivery()
    claims = pika.BasicProperties(headers={header: ["sla.asked"], "deskstream_key": "sla.asked"})
    try:
        adapter.basic_publish(topology.TICKETS, "request.submitted.web", b"x", claims)
    except pika.exceptions.ChannelClosedByBroker:
        # Newer brokers refuse it themselves.
        return
    method, properties, body = desk["deskstream"].channel().basic_get("dispatch.asked")
    assert method is not None
    opened = _opened(_Taken(method, properties, body))
    assert opened.heard.key == opened.said_with == "request.submitted.web"
    assert topology.is_smuggled("dispatch.asked", opened.said_with)
