"""The raw RSA private operation by the system's libcrypto, through ctypes: three times as fast as gmpy2.

The only file of `crypto` that reaches for a shared library. Linux and the one file name `libcrypto.so.3`
only: a search by `ctypes.util.find_library` may hit a library that aborts the process (macOS does).
"""

import ctypes
import sys
import threading
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from crypto.errors import BlindRsaError

_LIBRARY = "libcrypto.so.3"
# 3.0.4 writes past its buffers in RSA-2048 on AVX-512 (CVE-2022-2274), and before 3.0.8 the unblinding step
# leaks by its timing (CVE-2022-4304). Nothing here can tell whether
# an older number has been patched by a distributor.
_OLDEST = 0x30000080
_NEWEST_EXCLUDED = 0x40000000
_OPENSSL_VERSION = 0
_RSA_NO_PADDING = 3
_SUCCESS = 1

_POINTER: Final = ctypes.c_void_p
_INT: Final = ctypes.c_int
_SIZE_POINTER: Final = ctypes.POINTER(ctypes.c_size_t)
_OPERATION: Final = (_POINTER, ctypes.c_char_p, _SIZE_POINTER, ctypes.c_char_p, ctypes.c_size_t)
# Name, result, arguments. Without a declared type ctypes cuts a 64-bit pointer to an int.
_PROTOTYPES: Final[tuple[tuple[str, Any, tuple[Any, ...]], ...]] = (
    ("OpenSSL_version_num", ctypes.c_ulong, ()),
    ("OpenSSL_version", ctypes.c_char_p, (_INT,)),
    ("ERR_clear_error", None, ()),
    ("d2i_AutoPrivateKey", _POINTER, (_POINTER, ctypes.POINTER(ctypes.c_char_p), ctypes.c_long)),
    ("EVP_PKEY_free", None, (_POINTER,)),
    ("EVP_PKEY_CTX_new", _POINTER, (_POINTER, _POINTER)),
    ("EVP_PKEY_CTX_free", None, (_POINTER,)),
    ("EVP_PKEY_CTX_set_rsa_padding", _INT, (_POINTER, _INT)),
    ("EVP_PKEY_decrypt_init", _INT, (_POINTER,)),
    ("EVP_PKEY_encrypt_init", _INT, (_POINTER,)),
    ("EVP_PKEY_decrypt", _INT, _OPERATION),
    ("EVP_PKEY_encrypt", _INT, _OPERATION),
)


class LibcryptoError(BlindRsaError):
    """No libcrypto that may be used here; `str()` says why."""


@cache
def load_library() -> ctypes.CDLL:
    """The system's libcrypto 3 with all prototypes declared, or LibcryptoError."""
    if sys.platform != "linux":
        raise LibcryptoError("libcrypto is used on Linux only")
    try:
        library = ctypes.CDLL(_LIBRARY)
        for name, result, arguments in _PROTOTYPES:
            function = getattr(library, name)
            function.restype = result
            function.argtypes = arguments
    except (OSError, AttributeError) as error:
        raise LibcryptoError(f"{_LIBRARY} cannot be loaded") from error
    if not is_usable_version(library.OpenSSL_version_num()):
        raise LibcryptoError(f"{_LIBRARY} is not OpenSSL 3.0.8 or a later 3.x")
    return library


def is_usable_version(number: int) -> bool:
    """Whether `OpenSSL_version_num()` names a version whose private operation may be trusted."""
    return _OLDEST <= number < _NEWEST_EXCLUDED


def library_version() -> str:
    """What the library calls itself, such as `OpenSSL 3.0.19 27 Jan 2026`; LibcryptoError without one."""
    text: bytes = load_library().OpenSSL_version(_OPENSSL_VERSION)
    return text.decode("ascii", "replace")


class _Context:
    """One EVP_PKEY_CTX with its output buffer: never shared between threads, since a call writes to both."""

    def __init__(self, library: ctypes.CDLL, key: int, initialise: Any, operation: Any, size: int) -> None:
        self._library = library
        self._operation = operation
        self._size = size
        self._output = ctypes.create_string_buffer(size)
        self._length = ctypes.c_size_t(size)
        self._length_at = ctypes.byref(self._length)
        self._handle: int | None = library.EVP_PKEY_CTX_new(key, None)
        if (
            not self._handle
            or initialise(self._handle) != _SUCCESS
            or library.EVP_PKEY_CTX_set_rsa_padding(self._handle, _RSA_NO_PADDING) != _SUCCESS
        ):
            library.ERR_clear_error()
            raise BlindRsaError("libcrypto refused the key")

    def run(self, block: bytes) -> bytes:
        if len(block) != self._size:
            raise BlindRsaError("block is not as long as the modulus")
        self._length.value = self._size
        # ctypes lets go of the GIL for the length of this call.
        status = self._operation(self._handle, self._output, self._length_at, block, self._size)
        if status != _SUCCESS or self._length.value != self._size:
            self._library.ERR_clear_error()
            raise BlindRsaError("libcrypto refused the block")
        return self._output.raw

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.EVP_PKEY_CTX_free(self._handle)
            self._handle = None


class LibcryptoOperation:
    """RSASP1 and RSAEP of one key (RFC 8017, sections 5.2.1 and 5.1.1) on blocks as long as the modulus.

    Safe to call from many threads. libcrypto blinds the base and checks its CRT result itself. A block that
    is not below the modulus raises BlindRsaError."""

    def __init__(self, private_key: rsa.RSAPrivateKey) -> None:
        self._library = load_library()
        self._size = private_key.key_size // 8
        self._threads = threading.local()
        der = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        cursor = ctypes.c_char_p(der)
        self._key: int | None = self._library.d2i_AutoPrivateKey(None, ctypes.byref(cursor), len(der))
        if not self._key:
            self._library.ERR_clear_error()
            raise BlindRsaError("libcrypto refused the key")

    def private(self, block: bytes) -> bytes:
        """block ** d modulo n."""
        context: _Context | None = getattr(self._threads, "private", None)
        if context is None:
            library = self._library
            context = self._new_context(library.EVP_PKEY_decrypt_init, library.EVP_PKEY_decrypt)
            self._threads.private = context
        return context.run(block)

    def public(self, block: bytes) -> bytes:
        """block ** e modulo n."""
        context: _Context | None = getattr(self._threads, "public", None)
        if context is None:
            library = self._library
            context = self._new_context(library.EVP_PKEY_encrypt_init, library.EVP_PKEY_encrypt)
            self._threads.public = context
        return context.run(block)

    def _new_context(self, initialise: Any, operation: Any) -> _Context:
        if self._key is None:
            raise BlindRsaError("the key is closed")
        return _Context(self._library, self._key, initialise, operation, self._size)

    def __del__(self) -> None:
        # Contexts hold a reference of their own on the key, so the order of freeing does not matter.
        if getattr(self, "_key", None):
            self._library.EVP_PKEY_free(self._key)
            self._key = None
