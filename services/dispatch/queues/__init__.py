"""Queues people live in: lists, watching, saved views, counts, who else looks; heads read once for all who claim."""
