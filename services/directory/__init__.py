"""People, rule books, rosters. Owns credentials, applied profiles, rosters. Says directory.*."""
