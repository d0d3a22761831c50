"""Keys for blind RSA signatures (RFC 9474) and for tokens of type 0x0002 (RFC 9578, section 6.5)."""

from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Final, Protocol, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from crypto import gmp, libcrypto
from crypto.encoding import i2osp, os2ip
from crypto.errors import BlindRsaError

TOKEN_MODULUS_BITS = 2048
PUBLIC_EXPONENT = 65537
# The published vectors of RFC 9474 have 4096 bits; token type 0x0002 has 2048 and no other.
MODULUS_BITS = (2048, 3072, 4096)
SPKI_SIZE = 342
TOKEN_KEY_ID_SIZE = 32

# RFC 9578, section 6.5: id-RSASSA-PSS with hashAlgorithm, maskGenAlgorithm and saltLength all present
# (SHA-384, MGF1 with SHA-384, 48). The key identifier is a hash of these very bytes, so there is one
# encoding only: everything of the SubjectPublicKeyInfo but the modulus is constant.
_SPKI_HEAD: Final = bytes.fromhex(
    "30820152"  # SubjectPublicKeyInfo
    "303d06092a864886f70d01010a"  # AlgorithmIdentifier, id-RSASSA-PSS
    "3030a00d300b0609608648016503040202"  # RSASSA-PSS-params, hashAlgorithm id-sha384
    "a11a301806092a864886f70d010108300b0609608648016503040202"  # maskGenAlgorithm id-mgf1 with id-sha384
    "a203020130"  # saltLength 48
    "0382010f00"  # subjectPublicKey
    "3082010a02820101"  # RSAPublicKey, modulus of 257 bytes
    "00"  # its sign byte
)
_SPKI_TAIL: Final = bytes.fromhex("0203010001")
_ALL_TRUNCATED_IDS: Final = frozenset(range(256))


class RsaOperation(Protocol):
    """RSASP1 and RSAEP of one key on blocks as long as the modulus, callable from many threads."""

    def private(self, block: bytes) -> bytes: ...

    def public(self, block: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Backend:
    """A library that computes with private keys: `name` for the configuration, `version` for people."""

    name: str
    version: str
    open_key: Callable[[rsa.RSAPrivateKey], RsaOperation]


@cache
def choose_backend(name: str | None = None) -> Backend:
    """The library for private operations: the one named, else `libcrypto` where it is usable, else `gmpy2`.

    Raises BlindRsaError for an unknown name, and for `libcrypto` where there is none to use."""
    if name == "gmpy2":
        return Backend("gmpy2", gmp.library_version(), gmp.GmpOperation)
    if name not in (None, "libcrypto"):
        raise BlindRsaError("unknown backend")
    try:
        return Backend("libcrypto", libcrypto.library_version(), libcrypto.LibcryptoOperation)
    except libcrypto.LibcryptoError:
        if name is not None:
            raise
        return choose_backend("gmpy2")


class BlindRsaPublicKey:
    """A public key of RFC 9474, and with 2048 bits a token key of RFC 9578. Equal by value, immutable."""

    __slots__ = ("_spki", "_token_key_id", "encoded_modulus", "modulus", "size", "verifier")

    modulus: int
    encoded_modulus: bytes
    size: int
    verifier: rsa.RSAPublicKey

    def __init__(self, modulus: int) -> None:
        """From an odd modulus of 2048, 3072 or 4096 bits; e is 65537. BlindRsaError for any other."""
        if modulus < 0 or modulus.bit_length() not in MODULUS_BITS or modulus % 2 == 0:
            raise BlindRsaError("modulus refused")
        self.modulus = modulus
        self.size = modulus.bit_length() // 8
        self.encoded_modulus = i2osp(modulus, self.size)
        # Made once: building this object costs as much as several verifications.
        self.verifier = rsa.RSAPublicNumbers(PUBLIC_EXPONENT, modulus).public_key()
        self._spki: bytes | None = None
        self._token_key_id: bytes | None = None
        if modulus.bit_length() == TOKEN_MODULUS_BITS:
            self._spki = _SPKI_HEAD + self.encoded_modulus + _SPKI_TAIL
            self._token_key_id = sha256(self._spki).digest()

    @classmethod
    def from_spki(cls, spki: bytes) -> Self:
        """From the 342-byte SubjectPublicKeyInfo of a token key (RFC 9578, section 6.5).

        Raises BlindRsaError unless it is byte for byte RSASSA-PSS, SHA-384, salt 48, RSA-2048, e = 65537."""
        if len(spki) != SPKI_SIZE or not (spki.startswith(_SPKI_HEAD) and spki.endswith(_SPKI_TAIL)):
            raise BlindRsaError("not the SubjectPublicKeyInfo of an RSA-2048 token key")
        return cls(os2ip(spki[len(_SPKI_HEAD) : -len(_SPKI_TAIL)]))

    def to_spki(self) -> bytes:
        """The 342-byte DER SubjectPublicKeyInfo (RFC 9578, section 6.5); BlindRsaError if not RSA-2048."""
        if self._spki is None:
            raise BlindRsaError("a token key has 2048 bits")
        return self._spki

    @property
    def token_key_id(self) -> bytes:
        """SHA-256 of the SubjectPublicKeyInfo (RFC 9578, section 6.5); BlindRsaError if not RSA-2048."""
        if self._token_key_id is None:
            raise BlindRsaError("a token key has 2048 bits")
        return self._token_key_id

    @property
    def truncated_token_key_id(self) -> int:
        """The last byte of `token_key_id` (RFC 9578, section 6.1), 0 .. 255."""
        return self.token_key_id[-1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlindRsaPublicKey) and other.modulus == self.modulus

    def __hash__(self) -> int:
        return hash(self.modulus)

    def __repr__(self) -> str:
        name = self._token_key_id.hex() if self._token_key_id else f"{self.size * 8} bits"
        return f"<BlindRsaPublicKey {name}>"


class BlindRsaKey:
    """A private key for blind signatures, RSA-2048 with e = 65537 (RFC 9578, section 6.5).

    Never to be used for anything else: whoever may have blinded values signed can have any message signed.
    `operation` computes with the bare key; only `crypto.blind_rsa.blind_sign` calls it, and checks the
    result."""

    __slots__ = ("_pkcs8", "backend", "operation", "public")

    backend: Backend
    operation: RsaOperation
    public: BlindRsaPublicKey

    def __init__(self, private_key: rsa.RSAPrivateKey, backend: Backend | None = None) -> None:
        """From a key object of any size RFC 9474 names; `generate` and `from_pkcs8` make token keys only."""
        public = private_key.public_key().public_numbers()
        if public.e != PUBLIC_EXPONENT:
            raise BlindRsaError("public exponent is not 65537")
        self.public = BlindRsaPublicKey(public.n)
        self.backend = backend or choose_backend()
        self.operation = self.backend.open_key(private_key)
        self._pkcs8 = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    @classmethod
    def generate(cls, taken: Set[int] = frozenset(), backend: Backend | None = None) -> Self:
        """A fresh token key whose `truncated_token_key_id` is not in `taken` (RFC 9578, section 6.5).

        A request names its key by that byte alone, so two live keys must not share it. BlindRsaError when all
        256 are taken."""
        if taken >= _ALL_TRUNCATED_IDS:
            raise BlindRsaError("every truncated key id is taken")
        while True:
            private_key = rsa.generate_private_key(PUBLIC_EXPONENT, TOKEN_MODULUS_BITS)
            public = BlindRsaPublicKey(private_key.public_key().public_numbers().n)
            if public.truncated_token_key_id not in taken:
                return cls(private_key, backend)

    @classmethod
    def from_pkcs8(cls, der: bytes, backend: Backend | None = None) -> Self:
        """From DER PKCS #8 with an rsaEncryption key of 2048 bits (RFC 5958), else BlindRsaError."""
        try:
            private_key = load_der_private_key(der, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The cause may quote the key.
            raise BlindRsaError("not an unencrypted PKCS #8 key") from None
        if not isinstance(private_key, rsa.RSAPrivateKey) or private_key.key_size != TOKEN_MODULUS_BITS:
            raise BlindRsaError("not an RSA-2048 key")
        return cls(private_key, backend)

    def to_pkcs8(self) -> bytes:
        """DER PKCS #8, unencrypted: for sealing, not for storing as it is."""
        return self._pkcs8

    def __repr__(self) -> str:
        return f"<BlindRsaKey {self.public!r} by {self.backend.name}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a private key is not pickled or copied")
