"""Dispatch. Owns the ticket, its history, search and views.

Hears request.received, request.joined, callback.*, links.told, work.accept, work.decline, directory.duty_changed.
Says ticket.*, links.told, answer.*.
"""
