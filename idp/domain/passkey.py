"""A passkey: a key pair of a person's device that signs them in (W3C Web Authentication, level 3)."""

from dataclasses import dataclass

USER_HANDLE_BYTES = 32
PASSKEYS_PER_ACCOUNT = 10


@dataclass(frozen=True, slots=True)
class Passkey:
    """One credential, opened. Sealed at rest: `credential_id`, `public_key`, `user_handle`.

    `id` = SHA-256 of the credential id (32 bytes); `public_key` a COSE key (RFC 9052, section 7); `user_handle` 32
    random bytes, the same for all passkeys of an account and for nothing else; `sign_count` as the authenticator last
    said it, 0 where it does not count; `created_at` epoch seconds.
    """

    id: bytes
    account_id: bytes
    credential_id: bytes
    public_key: bytes
    user_handle: bytes
    sign_count: int
    created_at: int
