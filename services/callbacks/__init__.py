"""Callbacks and surveys (回访, 满意度调查).

Owns the callback tasks: who is owed a call after a solution or a missed call, the attempts, the answers.
Hears ticket.*, contact.recorded and watch.contact_owed. Says callback.* and survey.answered.
"""
