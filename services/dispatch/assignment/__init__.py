"""Giving waiting tickets to people, once, and taking them back from the silent."""
