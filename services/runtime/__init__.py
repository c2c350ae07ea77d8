"""Wires every service uses; the only place that knows a library's tricks."""
