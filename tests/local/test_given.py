"""AMQP_URI and MONGODB_URI that lead nowhere are one sentence at once, without the password that stands in them."""

from __future__ import annotations

import socket

import pytest

from deploy.local.children import Trouble
from deploy.local.given import look_at_broker, look_at_database


@pytest.fixture
def nobody() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_broker_that_is_away_is_one_sentence_without_its_password(nobody: int) -> None:
    with pytest.raises(Trouble) as trouble:
        look_at_broker(f"amqp://desk:secret@127.0.0.1:{nobody}/")
    assert f"The broker that AMQP_URI names (127.0.0.1:{nobody}) cannot be used" in str(trouble.value)
    assert "secret" not in str(trouble.value)


@pytest.mark.parametrize("uri", ["nonsense", "http://127.0.0.1/", "amqp://127.0.0.1:port/"])
def test_what_is_no_address_of_a_broker_is_one_sentence(uri: str) -> None:
    with pytest.raises(Trouble, match=r"AMQP_URI names .* cannot be used .*: start it or correct AMQP_URI"):
        look_at_broker(uri)


@pytest.mark.parametrize("uri", ["nonsense", "http://127.0.0.1/", "mongodb://127.0.0.1:port/"])
def test_what_is_no_address_of_a_database_is_one_sentence(uri: str) -> None:
    with pytest.raises(Trouble, match=r"MONGODB_URI names .* cannot be used .*: start it or correct MONGODB_URI"):
        look_at_database(uri)


@pytest.mark.real
def test_servers_that_answer_are_taken(amqp_uri, mongodb_uri) -> None:
    look_at_broker(amqp_uri)
    look_at_database(mongodb_uri.uri)
