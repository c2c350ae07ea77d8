"""Taking the steps of clocks on time and once; looking from another process whether they were taken (ADR 4, 20)."""
