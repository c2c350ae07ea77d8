"""Decisions as they were stored, for rehearsing changed rules on them; the commands around it."""
