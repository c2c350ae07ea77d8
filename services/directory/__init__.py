"""People and rule books. Owns credentials, failed sign-ins, applied profiles. Says directory.profile_applied."""
