"""What people do to clocks, hold, recalculate, promise, and the lists they do it from (D8, D16, D18, D20)."""
