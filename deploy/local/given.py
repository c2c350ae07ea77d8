"""Looks at the servers that AMQP_URI and MONGODB_URI name before anything waits for them, and says what is wrong."""

from __future__ import annotations

from typing import Any

import pika
from pika.exceptions import AMQPError
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local.children import Trouble


def look_at_broker(uri: str) -> None:
    """Raises `Trouble` unless a client can log in at `uri`."""
    try:
        parameters = pika.URLParameters(uri)
        parameters.socket_timeout = parameters.blocked_connection_timeout = 5
        pika.BlockingConnection(parameters).close()
    except (AMQPError, OSError, ValueError, LookupError, TypeError, AttributeError) as why:
        raise _away("AMQP_URI", uri, "broker", why) from None


def look_at_database(uri: str) -> None:
    """Raises `Trouble` unless the server at `uri` answers."""
    try:
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=5000) as client:
            client.admin.command("ping")
    except (PyMongoError, OSError, ValueError) as why:
        raise _away("MONGODB_URI", uri, "database", why) from None


def _away(variable: str, uri: str, what: str, why: Exception) -> Trouble:
    # Without what stands before the @, which is a password.
    place = uri.rpartition("//")[2].rpartition("@")[2].partition("/")[0]
    return Trouble(
        f"The {what} that {variable} names ({place}) cannot be used ({type(why).__name__}): start it or correct "
        f"{variable}, or unset it and a private one is started."
    )
