"""Merkle hash trees of append-only logs (RFC 6962, section 2.1): roots, inclusion and consistency proofs."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from crypto.errors import MerkleError

HASH_SIZE = 32
_SIZE_BYTES = 8
SIZE_MAX = 2 ** (8 * _SIZE_BYTES - 1) - 1
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry): the prefix keeps a leaf from passing for a node."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All of a tree that appending needs: its size and the roots of its full subtrees, largest first.

    One hash for each bit set in `size`: 63 at the most, whatever the log's length. A value, not a container:
    `append` returns the next one, so that a transaction that runs twice cannot append twice."""

    size: int = 0
    subtrees: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= SIZE_MAX:
            raise MerkleError("tree size out of range")
        _check_hashes(self.subtrees)
        if len(self.subtrees) != self.size.bit_count():
            raise MerkleError("frontier holds the wrong number of hashes")

    def append(self, hashed_leaf: bytes) -> "Frontier":
        """The frontier after one more leaf, given as its `leaf_hash`; MerkleError unless 32 bytes."""
        _check_hashes((hashed_leaf,))
        subtrees = list(self.subtrees)
        root = hashed_leaf
        # Each one bit at the end of the size is a full subtree as large as the one just completed.
        below = self.size
        while below & 1:
            root = node_hash(subtrees.pop(), root)
            below >>= 1
        return Frontier(self.size + 1, (*subtrees, root))

    def root(self) -> bytes:
        """The Merkle tree hash: 32 bytes; of the empty tree, the SHA-256 of nothing."""
        if not self.subtrees:
            return EMPTY_ROOT
        root = self.subtrees[-1]
        for left in reversed(self.subtrees[:-1]):
            root = node_hash(left, root)
        return root

    def serialize(self) -> bytes:
        """Size in 8 bytes, big-endian, then the subtree roots, 32 bytes each."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self.subtrees)

    @classmethod
    def parse(cls, data: bytes) -> "Frontier":
        """Read what `serialize` wrote, all of it; MerkleError for any other length."""
        size = int.from_bytes(data[:_SIZE_BYTES], "big")
        if len(data) != _SIZE_BYTES + HASH_SIZE * size.bit_count():
            raise MerkleError("frontier has the wrong length")
        hashes = range(_SIZE_BYTES, len(data), HASH_SIZE)
        return cls(size, tuple(data[start : start + HASH_SIZE] for start in hashes))


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over all of `leaf_hashes` (section 2.1)."""
    _check_hashes(leaf_hashes)
    return _root(leaf_hashes, 0, len(leaf_hashes))


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path of leaf `index` (from 0) in the tree over `leaf_hashes`, lowest first (2.1.1)."""
    _check_hashes(leaf_hashes)
    if not 0 <= index < len(leaf_hashes):
        raise MerkleError("no such leaf")
    path: list[bytes] = []
    start, end = 0, len(leaf_hashes)
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_root(leaf_hashes, middle, end))
            end = middle
        else:
            path.append(_root(leaf_hashes, start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_proof(leaf_hashes: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """The proof that the first `old_size` leaves are an earlier state of this tree (section 2.1.2).

    Empty when nothing needs proof: for an old tree that is empty or as large as this one."""
    _check_hashes(leaf_hashes)
    if not 0 <= old_size <= len(leaf_hashes):
        raise MerkleError("the older tree is larger")
    if old_size == 0:
        return ()
    proof: list[bytes] = []
    start, end = 0, len(leaf_hashes)
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(_root(leaf_hashes, middle, end))
            end = middle
        else:
            proof.append(_root(leaf_hashes, start, middle))
            start = middle
    # The verifier holds the old root itself; any other subtree it must be told.
    if start:
        proof.append(_root(leaf_hashes, start, end))
    return tuple(reversed(proof))


def verify_inclusion(hashed_leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """MerkleError unless `proof` shows `hashed_leaf` as leaf `index` of the tree `root` of `size` leaves."""
    _check_hashes((hashed_leaf, root, *proof))
    if not 0 <= index < size <= SIZE_MAX:
        raise MerkleError("leaf index out of range")
    # RFC 9162, section 2.1.3.2: the same trees as RFC 6962, the check written out.
    position, last = index, size - 1
    computed = hashed_leaf
    for sibling in proof:
        if last == 0:
            raise MerkleError("inclusion proof is too long")
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            # A last node without a right sibling moves up unhashed.
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        position >>= 1
        last >>= 1
    if last != 0 or computed != root:
        raise MerkleError("inclusion proof does not verify")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """MerkleError unless `proof` shows that tree `new_root` begins with all leaves of tree `old_root`."""
    _check_hashes((old_root, new_root, *proof))
    if not 0 <= old_size <= new_size <= SIZE_MAX:
        raise MerkleError("tree sizes out of order")
    if old_size in (0, new_size):
        if proof:
            raise MerkleError("consistency proof is too long")
        if old_root != (new_root if old_size == new_size else EMPTY_ROOT):
            raise MerkleError("consistency proof does not verify")
        return
    # A full old tree is itself a node on the way, and the proof leaves it out.
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path:
        raise MerkleError("consistency proof is too short")
    if _roots_of(old_size, new_size, path) != (old_root, new_root):
        raise MerkleError("consistency proof does not verify")


def _roots_of(old_size: int, new_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The old and new root that `path` leads to (RFC 9162, section 2.1.4.2, steps 3 to 7)."""
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old_computed = new_computed = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise MerkleError("consistency proof is too long")
        if position & 1 or position == last:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            new_computed = node_hash(new_computed, sibling)
        position >>= 1
        last >>= 1
    if last != 0:
        raise MerkleError("consistency proof is too short")
    return old_computed, new_computed


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (2 or more): RFC 6962's k."""
    return 1 << ((size - 1).bit_length() - 1)


def _root(leaf_hashes: Sequence[bytes], start: int, end: int) -> bytes:
    if start == end:
        return EMPTY_ROOT
    level = list(leaf_hashes[start:end])
    # Pairs from the left, the odd one moved up: the same tree as the recursive definition, without recursion.
    while len(level) > 1:
        paired = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = [*paired, level[-1]] if len(level) & 1 else paired
    return level[0]


def _check_hashes(hashes: Sequence[bytes]) -> None:
    # Of another length, a hash could carry a piece of its neighbour.
    if any(len(value) != HASH_SIZE for value in hashes):
        raise MerkleError("hash is not 32 bytes")
