"""Merkle trees (RFC 6962, section 2.1), against the definition and the reference log's values."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import MerkleError
from crypto.merkle import (
    EMPTY_ROOT,
    SIZE_MAX,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.crypto.cheap import CHEAP

# The eight entries in the tests of the certificate-transparency log, and the roots of the first 0 to 8 of them.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
KNOWN_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
KNOWN_PATH_OF_LEAF_0 = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
KNOWN_CONSISTENCY_OF_6_IN_8 = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]
LEAVES = [leaf_hash(number.to_bytes(2, "big")) for number in range(40)]
ROOTS = [root_of(LEAVES[:size]) for size in range(len(LEAVES) + 1)]


def defined_root(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + defined_root(leaves[:half]) + defined_root(leaves[half:])).digest()


def defined_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if index < half:
        return [*defined_path(index, leaves[:half]), defined_root(leaves[half:])]
    return [*defined_path(index - half, leaves[half:]), defined_root(leaves[:half])]


def defined_proof(old_size: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of section 2.1.2, word for word."""
    if old_size == len(leaves):
        return [] if whole else [defined_root(leaves)]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if old_size <= half:
        return [*defined_proof(old_size, leaves[:half], whole=whole), defined_root(leaves[half:])]
    return [*defined_proof(old_size - half, leaves[half:], whole=False), defined_root(leaves[:half])]


def frontier_of(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier


@pytest.mark.parametrize(("size", "root"), list(enumerate(KNOWN_ROOTS)))
def test_known_roots_of_the_reference_log(size: int, root: str) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES[:size]]
    assert root_of(leaves).hex() == root
    assert frontier_of(leaves).root().hex() == root


def test_known_proofs_of_the_reference_log() -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    assert [value.hex() for value in inclusion_proof(leaves, 0)] == KNOWN_PATH_OF_LEAF_0
    assert [value.hex() for value in consistency_proof(leaves, 6)] == KNOWN_CONSISTENCY_OF_6_IN_8


def test_leaves_and_nodes_are_hashed_apart() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"x") == sha256(b"\x00x").digest()


@pytest.mark.parametrize("size", range(len(LEAVES) + 1))
def test_roots_are_those_of_the_definition(size: int) -> None:
    assert root_of(LEAVES[:size]) == frontier_of(LEAVES[:size]).root() == defined_root(LEAVES[:size])


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_inclusion_proofs_are_those_of_the_definition_and_verify(size: int) -> None:
    leaves = LEAVES[:size]
    for index in range(size):
        proof = inclusion_proof(leaves, index)
        assert list(proof) == defined_path(index, leaves)
        verify_inclusion(leaves[index], index, size, proof, ROOTS[size])


@pytest.mark.parametrize("size", range(len(LEAVES) + 1))
def test_consistency_proofs_are_those_of_the_definition_and_verify(size: int) -> None:
    for old_size in range(size + 1):
        proof = consistency_proof(LEAVES[:size], old_size)
        assert list(proof) == (defined_proof(old_size, LEAVES[:size]) if old_size else [])
        verify_consistency(old_size, ROOTS[old_size], size, ROOTS[size], proof)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 32, 33])
def test_an_inclusion_proof_shows_one_leaf_at_one_place_in_one_tree(size: int) -> None:
    for index in range(size):
        proof = inclusion_proof(LEAVES[:size], index)
        for other in range(size):
            if other != index:
                with pytest.raises(MerkleError):
                    verify_inclusion(LEAVES[other], index, size, proof, ROOTS[size])
                with pytest.raises(MerkleError):
                    verify_inclusion(LEAVES[index], other, size, proof, ROOTS[size])
        for root in (ROOTS[size - 1], ROOTS[size + 1]):
            with pytest.raises(MerkleError):
                verify_inclusion(LEAVES[index], index, size, proof, root)


@pytest.mark.parametrize("size", [2, 3, 7, 8, 13, 33])
def test_a_consistency_proof_holds_between_two_trees_only(size: int) -> None:
    for old_size in range(1, size):
        proof = consistency_proof(LEAVES[:size], old_size)
        for old, new in (
            (old_size - 1, size),
            (old_size + 1, size),
            (old_size, size - 1),
            (old_size, size + 1),
        ):
            for wrong_old, wrong_new in ((ROOTS[old], ROOTS[size]), (ROOTS[old_size], ROOTS[new])):
                if (wrong_old, wrong_new) != (ROOTS[old_size], ROOTS[size]):
                    with pytest.raises(MerkleError):
                        verify_consistency(old_size, wrong_old, size, wrong_new, proof)
        with pytest.raises(MerkleError):
            verify_consistency(size, ROOTS[size], old_size, ROOTS[old_size], proof)


def test_a_proof_does_not_verify_for_sizes_that_need_a_longer_or_shorter_one() -> None:
    sizes = range(1, 17)
    paths = {(index, size): inclusion_proof(LEAVES[:size], index) for size in sizes for index in range(size)}
    for (index, size), proof in paths.items():
        for claimed, other in paths.items():
            if len(other) != len(proof):
                with pytest.raises(MerkleError):
                    verify_inclusion(LEAVES[index], *claimed, proof, ROOTS[size])


def test_a_consistency_proof_does_not_verify_for_sizes_that_need_a_longer_or_shorter_one() -> None:
    sizes = range(1, 17)
    proofs = {(old, size): consistency_proof(LEAVES[:size], old) for size in sizes for old in range(1, size + 1)}
    for (old_size, size), proof in proofs.items():
        for (claimed_old, claimed), other in proofs.items():
            if len(other) != len(proof):
                with pytest.raises(MerkleError):
                    verify_consistency(claimed_old, ROOTS[old_size], claimed, ROOTS[size], proof)


def test_bytes_may_not_move_between_a_leaf_and_its_neighbour() -> None:
    left, right = LEAVES[:2]
    with pytest.raises(MerkleError):
        verify_inclusion(left + right[:1], 0, 2, (right[1:],), ROOTS[2])


@CHEAP
@given(st.data())
def test_a_proof_with_a_changed_missing_or_further_hash_does_not_verify(data: st.DataObject) -> None:
    size = data.draw(st.integers(min_value=2, max_value=len(LEAVES)))
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    old_size = data.draw(st.integers(min_value=1, max_value=size - 1))
    for proof, verify in (
        (
            inclusion_proof(LEAVES[:size], index),
            lambda p: verify_inclusion(LEAVES[index], index, size, p, ROOTS[size]),
        ),
        (
            consistency_proof(LEAVES[:size], old_size),
            lambda p: verify_consistency(old_size, ROOTS[old_size], size, ROOTS[size], p),
        ),
    ):
        verify(proof)
        place = data.draw(st.integers(min_value=0, max_value=len(proof) - 1))
        changed = bytearray(proof[place])
        changed[data.draw(st.integers(min_value=0, max_value=31))] ^= data.draw(st.integers(min_value=1, max_value=255))
        for wrong in (
            (*proof[:place], bytes(changed), *proof[place + 1 :]),
            (*proof[:place], *proof[place + 1 :]),
            (*proof[:place], LEAVES[0], *proof[place:]),
            (*proof, ROOTS[size]),
            (*proof[:place], proof[place][:-1], *proof[place + 1 :]),
        ):
            with pytest.raises(MerkleError):
                verify(wrong)


def test_the_empty_tree_is_a_beginning_of_every_tree_and_needs_no_proof() -> None:
    verify_consistency(0, EMPTY_ROOT, 5, ROOTS[5], ())
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, ())
    for old_root, new_size, new_root, proof in (
        (ROOTS[1], 5, ROOTS[5], ()),
        (EMPTY_ROOT, 5, ROOTS[5], (ROOTS[1],)),
        (EMPTY_ROOT, 0, ROOTS[1], ()),
    ):
        with pytest.raises(MerkleError):
            verify_consistency(0, old_root, new_size, new_root, proof)


def test_a_tree_of_equal_size_must_have_the_equal_root() -> None:
    verify_consistency(5, ROOTS[5], 5, ROOTS[5], ())
    for new_root, proof in ((ROOTS[6], ()), (ROOTS[5], (ROOTS[5],))):
        with pytest.raises(MerkleError):
            verify_consistency(5, ROOTS[5], 5, new_root, proof)


def test_a_consistency_proof_may_not_be_empty_between_two_trees() -> None:
    for old_size in (3, 4):
        with pytest.raises(MerkleError):
            verify_consistency(old_size, ROOTS[old_size], 8, ROOTS[8], ())


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (1, 1), (-1, 1), (0, 0), (0, SIZE_MAX + 1)])
def test_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(MerkleError):
        verify_inclusion(LEAVES[0], index, size, (), LEAVES[0])
    with pytest.raises(MerkleError):
        inclusion_proof(LEAVES[: min(size, 5)], index if index else 5)


def test_a_larger_old_tree_has_no_proof() -> None:
    for old_size in (-1, 6):
        with pytest.raises(MerkleError):
            consistency_proof(LEAVES[:5], old_size)


@pytest.mark.parametrize("size", [0, 1, 5, 8, 31, 40])
def test_a_frontier_comes_back_and_goes_on(size: int) -> None:
    frontier = Frontier.parse(frontier_of(LEAVES[:size]).serialize())
    assert frontier.size == size
    assert frontier == frontier_of(LEAVES[:size])
    assert frontier.append(LEAVES[0]).root() == root_of([*LEAVES[:size], LEAVES[0]])


def test_appending_leaves_the_older_frontier_as_it_was() -> None:
    frontier = frontier_of(LEAVES[:7])
    frontier.append(LEAVES[7])
    assert frontier.root() == ROOTS[7]


def test_a_frontier_of_the_wrong_length_is_refused() -> None:
    data = frontier_of(LEAVES[:13]).serialize()
    for wrong in (*(data[:length] for length in range(len(data))), data + b"\0", data + LEAVES[0]):
        with pytest.raises(MerkleError):
            Frontier.parse(wrong)
    with pytest.raises(MerkleError):
        Frontier.parse((2**63).to_bytes(8, "big") + LEAVES[0])
    with pytest.raises(MerkleError):
        Frontier(3, (LEAVES[0],))
    with pytest.raises(MerkleError):
        Frontier().append(b"short")


def test_a_frontier_stays_small() -> None:
    assert len(Frontier(SIZE_MAX, (EMPTY_ROOT,) * 63).serialize()) == 8 + 63 * 32
    with pytest.raises(MerkleError):
        Frontier(SIZE_MAX, (EMPTY_ROOT,) * 63).append(LEAVES[0])
