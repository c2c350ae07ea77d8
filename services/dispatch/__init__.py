"""Dispatch. Owns the ticket. Hears request.received, request.joined, callback.*. Says ticket.*."""
