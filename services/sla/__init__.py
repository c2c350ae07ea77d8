"""Service levels. Owns the clocks of every ticket and their escalations. Hears ticket.*. Says sla.*, escalation.*.

Rooms: policy/ judges, timers/ takes steps on time and audits that, acts/ is what people do to clocks, rehearsal/ judges
anew what was and holds the command.
"""
