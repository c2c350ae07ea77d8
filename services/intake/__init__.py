"""Intake (受理). Owns receipts, ticket numbers and contacts. Hears request.submitted.*, call.*.

Says request.received.*, request.joined.*, request.refused.*, contact.recorded.
"""
