"""Deskstream: services that hear one ticket stream, do one job each, and say what they did on the same stream."""
