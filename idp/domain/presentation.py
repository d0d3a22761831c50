"""A presentation: one age token shown for one request of an app, and the code it is answered with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Presentation:
    """What is kept of it. `request` and `token` are digests of 32 bytes; of the token its nonce alone, so that no
    second token with the same nonce counts. The token's marker stays until `token_expires_at`, the answer until
    `request_expires_at` (epoch seconds).
    """

    request: bytes
    token: bytes
    code: str
    request_expires_at: int
    token_expires_at: int
