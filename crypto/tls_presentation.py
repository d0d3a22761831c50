"""Structs of the TLS presentation language (RFC 8446, section 3): every byte accounted for, or an error."""

from crypto.errors import TokenError

# RFC 9000, section 16: the two top bits of the first byte give the length of a variable-length integer. The
# eight-byte form is left out: nothing here comes near 2**30 bytes.
_VARINT_SIZES = {0: 1, 1: 2, 2: 4}
VARINT_MAX = 2**30 - 1


class Reader:
    """A cursor over one message. Each method names the field it reads, and raises TokenError naming it."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def remaining(self) -> int:
        """How many bytes are still unread."""
        return len(self._data) - self._position

    def take(self, size: int, field: str) -> bytes:
        """`opaque field[size]`."""
        if size > self.remaining:
            raise TokenError(f"{field} is cut off")
        start = self._position
        self._position = start + size
        return self._data[start : self._position]

    def unsigned(self, size: int, field: str) -> int:
        """An unsigned integer of `size` bytes, big-endian."""
        return int.from_bytes(self.take(size, field), "big")

    def vector(self, length_size: int, field: str) -> bytes:
        """`opaque field<..>` behind a length of `length_size` bytes."""
        return self.take(self.unsigned(length_size, field), field)

    def variable_vector(self, field: str) -> bytes:
        """`opaque field<V>`: behind a variable-length integer in its shortest form (RFC 9000, section 16)."""
        first = self.unsigned(1, field)
        size = _VARINT_SIZES.get(first >> 6)
        if size is None:
            raise TokenError(f"{field} is too long")
        length = ((first & 0x3F) << 8 * (size - 1)) | self.unsigned(size - 1, field)
        if encode_varint(length)[0] >> 6 != first >> 6:
            raise TokenError(f"{field} has a length that is not in its shortest form")
        return self.take(length, field)

    def end(self, message: str) -> None:
        """Nothing may follow."""
        if self.remaining:
            raise TokenError(f"bytes after the end of {message}")


def encode_varint(number: int) -> bytes:
    """A variable-length integer in its shortest form (RFC 9000, section 16); TokenError past 2**30 - 1."""
    if number < 0x40:
        return number.to_bytes(1, "big")
    if number < 0x4000:
        return (number | 0x4000).to_bytes(2, "big")
    if number <= VARINT_MAX:
        return (number | 0x8000_0000).to_bytes(4, "big")
    raise TokenError("message is too long")
