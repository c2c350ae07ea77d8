"""Who speaks: signed tokens and signed links (architecture decision 15).

Expiry is judged on wall time, never on a journey's clock.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.kernel.errors import Refused

_ALGORITHM = "Ed25519"
_ISSUER = "deskstream"
_MAX_TOKEN = 8192


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller and the neutral roles it holds."""

    id: str
    name: str = ""
    roles: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    unit: str = ""

    def has(self, *roles: str) -> bool:
        """Whether the caller holds at least one of the roles."""
        return not self.roles.isdisjoint(roles)


class Verifier:
    """Checks tokens against the installation's public key."""

    def __init__(self, public_jwk: Mapping[str, object]) -> None:
        self._key = OKPKey.import_key({k: str(v) for k, v in public_jwk.items()})

    @classmethod
    def from_file(cls, file: Path) -> Verifier:
        """Reads a JWK; refuses with the remedy when the file is missing."""
        return cls(_read(file))

    def claims(self, token: str, purpose: str) -> dict[str, object]:
        """Claims of a token made for this purpose; Refused("unauthenticated") for any other."""
        if not token or len(token) > _MAX_TOKEN:
            raise _unauthenticated("there is none, or it is longer than a token can be")
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise _unauthenticated("it was not signed by this installation") from error
        expires = claims.get("exp")
        if claims.get("iss") != _ISSUER or claims.get("purpose") != purpose:
            raise _unauthenticated("it was made for something else")
        if not isinstance(expires, int) or expires < time.time():
            raise _unauthenticated("it has expired")
        return dict(claims)

    def verify(self, token: str) -> Principal:
        """The principal a caller's token names."""
        claims = self.claims(token, "caller")
        return Principal(
            id=str(claims["sub"]),
            name=str(claims.get("name", "")),
            roles=_words(claims.get("roles")),
            teams=_words(claims.get("teams")),
            unit=str(claims.get("unit", "")),
        )


class Signer:
    """Makes tokens; only processes that hold the private key can."""

    def __init__(self, private_jwk: Mapping[str, object]) -> None:
        self._key = OKPKey.import_key({k: str(v) for k, v in private_jwk.items()})

    @classmethod
    def from_file(cls, file: Path) -> Signer:
        """Reads a private JWK."""
        return cls(_read(file))

    def sign_claims(self, purpose: str, claims: Mapping[str, object], lifetime: timedelta) -> str:
        """A token for one purpose, such as "survey"."""
        now = int(time.time())
        whole = {**claims, "iss": _ISSUER, "purpose": purpose, "iat": now, "exp": now + int(lifetime.total_seconds())}
        return jwt.encode({"alg": _ALGORITHM}, whole, self._key, algorithms=[_ALGORITHM])

    def sign(self, principal: Principal, lifetime: timedelta = timedelta(hours=12)) -> str:
        """A caller's token."""
        claims = {
            "sub": principal.id,
            "name": principal.name,
            "roles": sorted(principal.roles),
            "teams": sorted(principal.teams),
            "unit": principal.unit,
        }
        return self.sign_claims("caller", claims, lifetime)


def make_keys(folder: Path) -> None:
    """Writes token.jwk, token.pub.jwk and service.token unless they are there; mode 0600.

    The service token has the role channel_adapter and is good for ten years.
    """
    folder.mkdir(parents=True, exist_ok=True)
    private, public, service = folder / "token.jwk", folder / "token.pub.jwk", folder / "service.token"
    if not private.exists():
        # What was made by another key first: cut short here, the next run makes everything anew.
        public.unlink(missing_ok=True)
        service.unlink(missing_ok=True)
        _write(private, json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)))
    if not public.exists():
        key = OKPKey.import_key({k: str(v) for k, v in _read(private).items()})
        _write(public, json.dumps(key.as_dict(private=False)))
    if not service.exists():
        adapter = Principal(id="service:gateway", name="gateway", roles=frozenset({"channel_adapter"}))
        _write(service, Signer.from_file(private).sign(adapter, timedelta(days=3650)))


def _words(value: object) -> frozenset[str]:
    return frozenset(str(word) for word in value) if isinstance(value, list) else frozenset()


def _unauthenticated(why: str) -> Refused:
    return Refused(f"The token is refused because {why}; sign in again.", code="unauthenticated")


def _read(file: Path) -> dict[str, object]:
    try:
        return dict(json.loads(file.read_text()))
    except FileNotFoundError:
        raise SystemExit(
            f"No key at {file}: run `make up` once, or set DESKSTREAM_TOKEN_PUBLIC_KEY and, where tokens are made, "
            "DESKSTREAM_TOKEN_PRIVATE_KEY."
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise SystemExit(f"The key at {file} cannot be read ({type(error).__name__}): restore it.") from None


def _write(file: Path, text: str) -> None:
    fresh = file.with_name(file.name + ".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    # In one step: half a key would be taken for a whole one by the next start.
    os.replace(fresh, file)
