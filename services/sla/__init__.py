"""Service levels. Owns the clocks of every ticket and their escalations. Hears ticket.*. Says sla.*, escalation.*."""
