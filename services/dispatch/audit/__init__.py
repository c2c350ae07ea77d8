"""A history that cannot be altered unseen, and that people can read (B9, B10)."""
