"""A secret that travels to workers and shows nowhere: no text, repr, log line or JSON document holds it."""

from __future__ import annotations

import hmac
from typing import Any

KEY_REMEDY = (
    "Set AUGMILL_PII_KEY in the environment or .env to a secret of 16 characters or more, the same for every run: "
    "`openssl rand -hex 32` makes one."
)
_NAME = b"augmill: the name of this key"


class Secret:
    """A key or a password. Only `digest`, `reveal` and pickling see its bytes; workers get it by pickle, in memory."""

    __slots__ = ("__bytes",)

    def __init__(self, value: bytes) -> None:
        self.__bytes = value

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal characters that tell one key from another and nothing else about it."""
        return self.digest(_NAME)[:16]

    def digest(self, value: bytes) -> str:
        """HMAC-SHA-256 (RFC 2104) of a value, as 64 hexadecimal characters."""
        return hmac.digest(self.__bytes, value, "sha256").hex()

    def reveal(self) -> bytes:
        """Its bytes, for the one call that needs them as they are: a login, the address of a request."""
        return self.__bytes

    def __repr__(self) -> str:
        return f"Secret({self.fingerprint})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__bytes, other.__bytes)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> tuple[Any, ...]:
        return Secret, (self.__bytes,)
