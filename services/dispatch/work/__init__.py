"""The AMQP queues of teams, and the answers of teams' own tools (U3)."""
