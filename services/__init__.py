"""Deskstream: a service desk whose every channel speaks to one ticket stream (see README.md)."""
