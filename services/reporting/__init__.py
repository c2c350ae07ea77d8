"""Figures of the desk, from the stream alone.

Owns the facts of every ticket, contact and callback that figures are made of.
Hears ticket.*, sla.*, escalation.*, callback.*, survey.answered, contact.recorded. Says nothing.
"""
