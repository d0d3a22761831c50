"""Modular arithmetic on secrets by GMP, and the raw RSA private operation without libcrypto.

The only file that imports gmpy2. Exponentiation is `powmod_sec`, whose time does not depend on base or
exponent. Inversion in GMP takes a time that depends on its operand, so what is inverted is masked first.
"""

import math
import secrets

import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa

from crypto.encoding import i2osp, os2ip
from crypto.errors import BlindRsaError


def library_version() -> str:
    """What stands behind this module, such as `gmpy2 2.3.2, GMP 6.3.0`."""
    return f"gmpy2 {gmpy2.version()}, {gmpy2.mp_version()}"


def power_modulo(base: int, exponent: int, modulus: int) -> int:
    """base ** exponent modulo an odd `modulus`, in a time independent of base and exponent (exponent > 0)."""
    return int(gmpy2.powmod_sec(base, exponent, modulus))


def multiply_modulo(left: int, right: int, modulus: int) -> int:
    """left * right modulo `modulus`."""
    return int(gmpy2.mpz(left) * right % modulus)


def invert_modulo(value: int, modulus: int) -> int:
    """The inverse of a secret `value`; BlindRsaError when it has none.

    A random factor hides the value from the timing of the inversion, and is multiplied out again."""
    mask = random_unit(modulus)
    try:
        masked = gmpy2.invert(gmpy2.mpz(value) * mask % modulus, modulus)
    except ZeroDivisionError:
        raise BlindRsaError("value has no inverse modulo the key") from None
    return int(masked * mask % modulus)


def random_unit(modulus: int) -> int:
    """A uniform integer in 1 .. modulus - 1 (RFC 9474, section 4.2: `random_integer_uniform`)."""
    return secrets.randbelow(modulus - 1) + 1


def is_coprime(left: int, right: int) -> bool:
    """Whether the greatest common divisor is one."""
    return math.gcd(left, right) == 1


class GmpOperation:
    """RSASP1 and RSAEP of one key (RFC 8017, sections 5.2.1 and 5.1.1) on blocks as long as the modulus.

    Safe to call from many threads; exponentiation lets go of the GIL. The base is blinded with a fresh
    factor each time, so that nothing the caller chose meets the primes. CRT results are **not** checked
    here: whoever lets a result out must check it, or one fault gives away the factors (Boneh, DeMillo,
    Lipton 1997)."""

    def __init__(self, private_key: rsa.RSAPrivateKey) -> None:
        numbers = private_key.private_numbers()
        self._size = private_key.key_size // 8
        self._n = gmpy2.mpz(numbers.public_numbers.n)
        self._e = numbers.public_numbers.e
        self._p = gmpy2.mpz(numbers.p)
        self._q = gmpy2.mpz(numbers.q)
        self._dmp1 = gmpy2.mpz(numbers.dmp1)
        self._dmq1 = gmpy2.mpz(numbers.dmq1)
        self._iqmp = gmpy2.mpz(numbers.iqmp)

    def private(self, block: bytes) -> bytes:
        """block ** d modulo n."""
        n, p, q = self._n, self._p, self._q
        message = self._integer(block)
        factor = random_unit(int(n))
        unblind = invert_modulo(factor, int(n))
        with gmpy2.context(gmpy2.get_context(), allow_release_gil=True):
            blinded = message * gmpy2.powmod_sec(factor, self._e, n) % n
            modulo_p = gmpy2.powmod_sec(blinded, self._dmp1, p)
            modulo_q = gmpy2.powmod_sec(blinded, self._dmq1, q)
            difference = self._iqmp * (modulo_p - modulo_q) % p
            result = (modulo_q + difference * q) * unblind % n
        return i2osp(int(result), self._size)

    def public(self, block: bytes) -> bytes:
        """block ** e modulo n."""
        return i2osp(int(gmpy2.powmod(self._integer(block), self._e, self._n)), self._size)

    def _integer(self, block: bytes) -> int:
        if len(block) != self._size:
            raise BlindRsaError("block is not as long as the modulus")
        number = os2ip(block)
        if number >= self._n:
            raise BlindRsaError("block is not below the modulus")
        return number
