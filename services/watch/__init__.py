"""The desk's own state (应急处理, 停电公告, 监视巡视, 巡检备份).

Owns outages of the desk and the contacts owed after them, public notices, findings, inspections, surges of calls.
Hears request.received and request.joined of what is entered afterwards (request.backfilled), call.ringing,
contact.recorded, callback.completed and callback.unreachable. Says watch.*.
"""
