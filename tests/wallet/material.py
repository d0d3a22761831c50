"""What the Node tests compare with: computed by `crypto`, PyNaCl and the standard library, handed over as JSON."""

import hmac
import json
import secrets
from base64 import b64encode
from hashlib import sha256
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl.signing import SigningKey

from crypto.encoding import b64_padded_url_encode, b64url_decode, b64url_encode, i2osp, lp
from crypto.errors import EncodingError
from crypto.merkle import leaf_hash, root_of
from crypto.privacy_pass_batch import (
    GENERIC_BATCH_REQUEST_MEDIA_TYPE,
    GENERIC_BATCH_RESPONSE_MEDIA_TYPE,
    GenericBatchTokenRequest,
    GenericBatchTokenResponse,
)
from crypto.privacy_pass_challenge import TokenChallenge, server_name
from crypto.privacy_pass_client import create_token_request_with, finalize_batch
from crypto.privacy_pass_issuer import issue_batch
from tests.crypto.token_keys import other_key, token_key
from tests.wallet.key_log import ORIGIN, WITNESS, WITNESS_SEED, KeyLog, shown, trust
from tests.wallet.key_log_cases import FILES, NOW, SEEN, key_log_cases, primary, standby
from tests.wallet.stub_issuer import marked

_DOOR, _ISSUER = "https://door.example", "https://id.example:8443"


def for_bytes(chance: Random) -> dict[str, Any]:
    """Base64url texts with what `crypto.encoding` says of them, and length-prefixed fields."""
    texts = [b64url_encode(chance.randbytes(size)) for size in range(40)]
    texts += [b64_padded_url_encode(chance.randbytes(size)) for size in range(12)]
    alphabet = "ABCDwxyz0189-_+/= \n\u2014"
    texts += ["".join(chance.choices(alphabet, k=chance.randrange(1, 9))) for _ in range(300)]
    fields = [["a", "年龄", ""], ["\U0001f511" * 20, "x" * 300], [""], []]
    return {
        "base64url": [{"text": text, "data": _decoded(text)} for text in dict.fromkeys(texts)],
        "lp": [{"fields": each, "joined": lp(*each).hex()} for each in fields],
    }


def _decoded(text: str) -> str | None:
    try:
        return b64url_decode(text).hex()
    except EncodingError:
        return None


def for_privacy_pass(_: Random) -> dict[str, Any]:
    """One batch of ten, made, signed and finalized in Python with randomness that is told."""
    key = token_key()
    challenge = TokenChallenge(0x0002, server_name("id.example", 8443), b"", server_name("door.example"))
    entries, created = [], []
    for _number in range(10):
        nonce, salt = secrets.token_bytes(32), secrets.token_bytes(48)
        factor = secrets.randbelow(key.public.modulus - 1) + 1
        entries.append({"nonce": nonce.hex(), "salt": salt.hex(), "factor": i2osp(factor, 256).hex()})
        created.append(create_token_request_with(challenge, key.public, nonce, salt, factor))
    request = GenericBatchTokenRequest(tuple(one for one, _ in created))
    response = issue_batch(request, {key.public.truncated_token_key_id: key})
    tokens = [token.to_bytes().hex() for token in finalize_batch([one for _, one in created], response) if token]
    return {
        "key": b64url_encode(key.public.to_spki()),
        "key_id": key.public.token_key_id.hex(),
        "issuer": _ISSUER,
        "door": _DOOR,
        "challenge": challenge.to_bytes().hex(),
        "challenge_digest": challenge.digest.hex(),
        "challenges": [_challenge_of(b""), _challenge_of(bytes(32))],
        "server_names": _server_names(),
        "media_types": [GENERIC_BATCH_REQUEST_MEDIA_TYPE, GENERIC_BATCH_RESPONSE_MEDIA_TYPE],
        "entries": entries,
        "request": request.to_bytes().hex(),
        "response": response.to_bytes().hex(),
        "response_with_gaps": _without(response, (0, 4, 9)),
        "marked": marked(request, response, other_key()).to_bytes().hex(),
        "tokens": tokens,
        "other_spkis": [b64url_encode(spki) for spki in _other_spkis()],
    }


def _without(response: GenericBatchTokenResponse, absent: tuple[int, ...]) -> str:
    answers = (None if at in absent else answer for at, answer in enumerate(response.token_responses))
    return GenericBatchTokenResponse(tuple(answers)).to_bytes().hex()


def _challenge_of(context: bytes) -> dict[str, str]:
    challenge = TokenChallenge(0x0002, "issuer.example", context, "a.example,b.example:8443")
    return {
        "issuer_name": challenge.issuer_name,
        "origin_info": challenge.origin_info,
        "redemption_context": context.hex(),
        "bytes": challenge.to_bytes().hex(),
    }


def _server_names() -> list[dict[str, str]]:
    cases = [
        ("https://Door.Example", "door.example", 443), ("https://door.example:443", "door.example", 443),
        ("https://door.example:8443/x", "door.example", 8443), ("http://localhost:9001", "localhost", 9001),
        ("http://127.0.0.1:9000", "127.0.0.1", 9000), ("http://localhost", "localhost", 80),
        ("http://[::1]:9000", "[::1]", 9000),
    ]  # fmt: skip
    return [{"url": url, "name": server_name(host, port)} for url, host, port in cases]


def _other_spkis() -> list[bytes]:
    keys = [rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 3072)]
    return [key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in keys]


def for_key_log(chance: Random) -> dict[str, Any]:
    """Honest and hostile logs, trees of every small size, canonical JSON."""
    cases = [_with_heads(case) for case in key_log_cases()]
    mutable = KeyLog().add(primary(), standby()).sign(SEEN).add(FILES).sign()
    entries = [chance.randbytes(chance.randrange(40)) for _ in range(33)]
    hashes = [leaf_hash(entry) for entry in entries]
    values: list[Any] = [{"b": 1, "a": "\u2028é\"\\\n年", "A": {"z": [1, 2, {}], "\U0001f511": ""}}, [], "", 0]
    log_key = trust()["log"]["verifier_key"]
    return {
        "cases": cases,
        "mutable": _with_heads({
            "document": mutable.document, "config": trust(), "remembered": None, "shown": shown(primary()), "now": NOW,
        }),
        "positions": [chance.random() for _ in range(101)],
        "tree": {
            "entries": [entry.hex() for entry in entries],
            "roots": [root_of(hashes[:size]).hex() for size in range(len(hashes) + 1)],
        },
        "canonical": [{"value": value, "text": _canonical(value)} for value in values],
        "verifier": log_key,
        "verifier_of_unknown_type": _verifier_of_type(0x05),
    }  # fmt: skip


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _verifier_of_type(kind: int) -> str:
    data = bytes([kind]) + bytes(SigningKey(WITNESS_SEED).verify_key)
    key_id = sha256(WITNESS.encode() + b"\n" + data).digest()[:4]
    return f"{WITNESS}+{key_id.hex()}+{b64encode(data).decode()}"


def _with_heads(case: dict[str, Any]) -> dict[str, Any]:
    """Heads as JSON, and the root that the wallet is to remember."""
    remembered = case["remembered"] and {"size": case["remembered"][0], "root": case["remembered"][1].hex()}
    document = case["document"]
    root = None
    if case.get("expected") is None and document is not None:
        root = root_of([leaf_hash(b64url_decode(leaf)) for leaf in document["leaves"]]).hex()
    return {**case, "remembered": remembered, "root": root}


def for_seed(chance: Random) -> dict[str, Any]:
    """Sector keys by HKDF written out over hmac, and signatures by PyNaCl."""
    sectors, signatures = [], []
    for number in range(8):
        seed = bytes(32) if number < 4 else chance.randbytes(32)
        door, sector = f"https://door{number % 2}.example", f"app{number // 2 % 2}.example"
        secret = _sector_seed(seed, door, sector)
        public = bytes(SigningKey(secret).verify_key)
        place = {"seed": seed.hex(), "door": door, "sector": sector}
        sectors.append({**place, "pk": public.hex(), "pk_b64url": b64url_encode(public)})
        token, request_id = chance.randbytes(354), b64url_encode(chance.randbytes(16))
        message = lp("blindage/veil/present/v1", door, sector, request_id, sha256(token).digest())
        signature = SigningKey(secret).sign(message).signature
        signatures.append({**place, "request_id": request_id, "token": token.hex(), "sig": signature.hex()})
    return {"sectors": sectors, "signatures": signatures}


def _sector_seed(seed: bytes, door: str, sector: str) -> bytes:
    """HKDF-SHA-256 (RFC 5869) for one block of output."""
    extracted = hmac.digest(b"blindage/veil/sector/v1", seed, "sha256")
    return hmac.digest(extracted, lp(door, sector) + b"\x01", "sha256")


def for_strings(_: Random) -> dict[str, Any]:
    """Configurations the wallet takes, and changes of each that it must not take."""
    good: dict[str, Any] = {
        "door": _DOOR,
        "account_issuer": _ISSUER,
        "client_id": "wallet",
        "redirect_uri": f"{_DOOR}/wallet",
        "batch": 32,
        **trust(),
    }
    local = {
        **good, "door": "http://localhost:9001", "account_issuer": "http://127.0.0.1:9000",
        "redirect_uri": "http://localhost:9001/wallet", **trust((), 0),
    }  # fmt: skip
    changes: dict[str, list[Any]] = {
        "door": [None, "http://door.example", "https://other.example", "https://door.example/", "javascript:1"],
        "account_issuer": ["http://id.example", "https://id.example/path", "https://id.example?x", _DOOR, "", 7],
        "client_id": [None, 7],
        "redirect_uri": [f"{_DOOR}/wallet/", "https://id.example/wallet", None],
        "batch": [0, 101, "32", 1.5, None],
        "log": [None, {"origin": ORIGIN}, {"verifier_key": good["log"]["verifier_key"]}],
        "witnesses": [None, [], [7], good["witnesses"] * 2],
        "minimum_witness_hours": [23, -1, None, "24"],
        "demo": [None, "no"],
    }
    bad: list[dict[str, Any]] = [
        {"why": f"{name}: {value}", "config": {**good, name: value}} for name in changes for value in changes[name]
    ]
    bad.append({"why": "a demo with hours and no witness", "config": {**good, **trust((), 24)}})
    bad.append({"why": "nothing", "config": None})
    return {"configs": {"good": [good, local], "bad": bad}}
