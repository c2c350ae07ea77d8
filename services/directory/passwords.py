"""Password hashes: argon2id, and the same time spent whether or not the person exists."""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.kernel.errors import Refused, Unavailable

SHORTEST, LONGEST = 8, 256

# OWASP's first choice for argon2id; a larger memory cost would let a few calls at once exhaust a small machine.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_nobody = _hasher.hash("the hash that everybody is measured against who has none")
_AT_ONCE = threading.BoundedSemaphore(4)
_WAIT_SECONDS = 5.0


def hash_password(password: str) -> str:
    """An argon2id hash with its own salt; Refused when the password is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused(f"A password has {SHORTEST} to {LONGEST} characters; choose another.", field="password")
    return _hasher.hash(password)


def is_right(stored: str | None, password: str) -> bool:
    """Whether the password fits; None (nobody, or no password set) takes the same time and is never right.

    Unavailable when too many verifications run at once.
    """
    if not _AT_ONCE.acquire(timeout=_WAIT_SECONDS):
        raise Unavailable("Too many people sign in at this moment; try again in a few seconds.")
    try:
        fits = _hasher.verify(stored or _nobody, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _AT_ONCE.release()
    return fits and stored is not None
