"""Judging anew what was, from database and log, writing nothing; the command of operators around it (D18, D23)."""
