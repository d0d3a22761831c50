"""A passkey authenticator in software: makes credentials and signs challenges as a device would, or wrongly on request.

The bytes are those of W3C Web Authentication, level 3: section 6.1 authenticator data, 6.5 attestation objects.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from crypto.encoding import b64url_decode, b64url_encode

PRESENT, VERIFIED, WITH_CREDENTIAL = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One device. Everything that goes into an answer can be set wrong before it answers."""

    origin: str
    rp_id: str
    counting: bool = True
    flags: int = PRESENT | VERIFIED
    sign_count: int = 0
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: bytes = b""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: dict[str, Any]) -> str:
        """The answer to creation options, as `PublicKeyCredential.toJSON` gives it."""
        self.user_handle = b64url_decode(options["user"]["id"])
        point = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(cose)
        data = self._data(WITH_CREDENTIAL) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", options["challenge"])
        return self._credential({
            "attestationObject": b64url_encode(attestation), "clientDataJSON": b64url_encode(client_data),
            "transports": ["internal"],
        })  # fmt: skip

    def get(self, options: dict[str, Any]) -> str:
        """The answer to request options."""
        self.sign_count += self.counting
        data = self._data(0)
        client_data = self._client_data("webauthn.get", options["challenge"])
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential({
            "authenticatorData": b64url_encode(data), "clientDataJSON": b64url_encode(client_data),
            "signature": b64url_encode(signature), "userHandle": b64url_encode(self.user_handle),
        })  # fmt: skip

    def _data(self, more: int) -> bytes:
        rp_hash = hashlib.sha256(self.rp_id.encode()).digest()
        return rp_hash + bytes([self.flags | more]) + self.sign_count.to_bytes(4, "big")

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _credential(self, response: dict[str, Any]) -> str:
        name = b64url_encode(self.credential_id)
        return json.dumps({
            "id": name, "rawId": name, "type": "public-key", "response": response,
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
        })  # fmt: skip
