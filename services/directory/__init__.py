"""Directory. Owns credentials, applied rule books, rosters and duty. Says directory.*."""
