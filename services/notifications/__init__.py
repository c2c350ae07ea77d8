"""Messages to people (通知, 提醒).

Owns the deliveries: what is sent to whom, by which way, how often it was tried and with what result (O9).
Hears ticket.*, sla.*, escalation.*, callback.* and survey.answered. Says notification.sent and notification.failed.
"""
