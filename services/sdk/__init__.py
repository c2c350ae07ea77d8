"""The adapter kit (适配器开发包). Owns a spool on the adapter's disk. Hears nothing. Says request.submitted.*, call.*.

An adapter turns the messages of one channel into drafts and hands them over. It never waits for a ticket; numbers and
refusals come back on the stream (`request.received.<channel>`, `request.refused.<channel>`). While the broker is away
messages go to disk and are delivered later, in order, with the times they had. Examples, run by our tests:

>>> from services.contracts.deskstream.v1.intake_pb2 import CALL_PHASE_RINGING, CallEvent, RequestDraft
>>> from services.sdk import Adapter, Delivery, conformance, source_key
>>> adapter = Adapter("monitoring", "acme/zabbix", amqp_uri, spool=folder)

A request. The source_id is its name for ever: handing it over twice opens one ticket.

>>> draft = RequestDraft(source_id=source_key("zabbix", 4711), description="3号机房温度 31 °C")
>>> draft.requester.name, draft.requester.id = "值班员", "wu.hao"
>>> adapter.submit(draft) is Delivery.CONFIRMED
True

Many at once share one window of confirms:

>>> many = [RequestDraft(source_id=source_key("zabbix", n), description="硬盘将满") for n in range(3)]
>>> adapter.submit_all(many) is Delivery.CONFIRMED
True

An event of a telephone call; a call is a contact, with or without a ticket:

>>> adapter.call(CallEvent(call_id="c-1", phase=CALL_PHASE_RINGING, caller="13800138001")) is Delivery.CONFIRMED
True

Before you ship, let the kit judge your translation:

>>> def translate(raw: bytes) -> RequestDraft:
...     return RequestDraft(source_id="always-the-same", description=raw.decode())
>>> for sentence in conformance(translate, [b"one", b"two"], "monitoring"):
...     print(sentence)
Sample 0 names nobody to answer: set requester.phone, email, im or id.
Sample 1 has the source_id of sample 0: it would never become a ticket.
Sample 1 names nobody to answer: set requester.phone, email, im or id.
>>> adapter.close()
"""

from services.sdk.adapter import Adapter, Delivery
from services.sdk.conformance import conformance
from services.sdk.keys import source_key

__all__ = ["Adapter", "Delivery", "conformance", "source_key"]
