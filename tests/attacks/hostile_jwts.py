"""A corpus of hostile JWTs for every place that takes one (RFC 8725; threat rows A25 to A28).

`hostile_jwts` needs only a valid token and the public key, as an attacker would have. `signed_hostile_jwts`
signs bad headers and payloads with the right key, so that the checks behind the signature are reached too.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.attacks.hostile_values import (
    ALG_SPELLINGS,
    BAD_CRITS,
    BAD_DOCUMENTS,
    BAD_KIDS,
    BAD_TIMES,
    BAD_VALUES,
    MEGABYTE,
    REFUSED_HEADERS,
    WRONG_ALGS,
)

Case = tuple[str, str]

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def hostile_jwts(valid_token: str, public_jwk: dict[str, Any]) -> list[Case]:
    """Named tokens that no verifier of `valid_token`'s kind may accept; every name is different.

    `valid_token` is a compact JWT that verifies under `public_jwk` (RSA, P-256 or Ed25519).
    """
    cases = [
        *_wrong_algorithms(valid_token),
        *_symmetric_with_public_key(valid_token, public_jwk),
        *_foreign_keys(valid_token),
        *_headers_kept_signature(valid_token),
        *_broken_shapes(valid_token),
        *_broken_json(valid_token),
        *_broken_signatures(valid_token, public_jwk),
        *_changed_claims(valid_token),
    ]
    return [(name, token) for name, token in cases if token != valid_token]


def signed_hostile_jwts(
    sign: Callable[[bytes], bytes], header: Mapping[str, Any], claims: Mapping[str, Any]
) -> list[Case]:
    """Tokens with a true signature and a bad header or payload; `sign` makes the JWS signature.

    `header` and `claims` are those of a token that would be accepted.
    """
    good_header, good_payload = _json(header), _json(claims)

    def signed(header_text: bytes, payload: bytes) -> str:
        signing_input = f"{encode(header_text)}.{encode(payload)}"
        return f"{signing_input}.{encode(sign(signing_input.encode()))}"

    changes = [(f"signed: crit {name}", {"crit": value}) for name, value in BAD_CRITS]
    changes += [(f"signed: kid {name}", {"kid": value}) for name, value in BAD_KIDS]
    changes += [(f"signed: alg {name}", {"alg": value}) for name, value in WRONG_ALGS]
    changes += [(f"signed: {name}", members) for name, members in REFUSED_HEADERS]
    cases = [(name, signed(_json({**header, **members}), good_payload)) for name, members in changes]
    for name, value in BAD_VALUES:
        for part, good in (("header", good_header), ("payload", good_payload)):
            bad = good[:-1] + b',"extra":' + value + b"}"
            documents = (bad, good_payload) if part == "header" else (good_header, bad)
            cases.append((f"signed: {part} holds {name}", signed(*documents)))
    cases += [(f"signed: payload is {name}", signed(good_header, data)) for name, data in BAD_DOCUMENTS]
    cases += [(f"signed: header is {name}", signed(data, good_payload)) for name, data in BAD_DOCUMENTS]
    first = _json(next(iter(claims)))
    cases.append(("signed: first claim twice", signed(good_header, b"{" + first + b":0," + good_payload[1:])))
    cases.append(("signed: alg twice", signed(b'{"alg":"none",' + good_header[1:], good_payload)))
    return cases


def signed_bad_times(
    sign: Callable[[bytes], bytes], header: Mapping[str, Any], claims: Mapping[str, Any]
) -> list[Case]:
    """Tokens with a true signature whose exp, nbf or iat is no time, for what checks claims."""
    found = []
    for claim in ("exp", "nbf", "iat"):
        for name, value in BAD_TIMES:
            signing_input = f"{encode(_json(header))}.{encode(_json({**claims, claim: value}))}"
            found.append((f"signed: {claim} {name}", f"{signing_input}.{encode(sign(signing_input.encode()))}"))
    return found


def encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@cache
def _attacker_ec() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _attacker_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def _attacker_ed() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def _attacker_signature(alg: str, data: bytes) -> bytes:
    if alg == "ES256":
        r, s = decode_dss_signature(_attacker_ec().sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if alg == "RS256":
        return _attacker_rsa().sign(data, padding.PKCS1v15(), SHA256())
    return _attacker_ed().sign(data)


def _attacker_jwk(alg: str) -> dict[str, Any]:
    if alg == "ES256":
        return dict(ECKey.import_key(_attacker_ec().public_key()).as_dict())
    if alg == "RS256":
        return dict(RSAKey.import_key(_attacker_rsa().public_key()).as_dict())
    return dict(OKPKey.import_key(_attacker_ed().public_key()).as_dict())


def _wrong_algorithms(token: str) -> Iterator[Case]:
    header, payload, signature = _parts(token)
    for spelling in ALG_SPELLINGS:
        encoded = encode(_json({**header, "alg": spelling}))
        yield f"alg {spelling!r}, no signature", f"{encoded}.{payload}."
        yield f"alg {spelling!r}, signature kept", f"{encoded}.{payload}.{signature}"
    yield "alg none, bare header", f"{encode(_json({'alg': 'none'}))}.{payload}."
    yield "alg none, no kid or typ", f"{encode(_json({'alg': 'none'}))}.{payload}.{signature}"
    yield "alg none, third part left out", f"{encode(_json({**header, 'alg': 'none'}))}.{payload}"
    for name, value in WRONG_ALGS:
        yield f"alg {name}", f"{encode(_json({**header, 'alg': value}))}.{payload}.{signature}"
    without = {name: value for name, value in header.items() if name != "alg"}
    yield "alg missing", f"{encode(_json(without))}.{payload}.{signature}"
    for other in sorted({"RS256", "ES256", "EdDSA", "Ed25519", "Ed448"} - {header["alg"]}):
        yield f"alg changed to {other}", f"{encode(_json({**header, 'alg': other}))}.{payload}.{signature}"


def _symmetric_with_public_key(token: str, public_jwk: Mapping[str, Any]) -> Iterator[Case]:
    """The oldest one: the public key's bytes as the secret of an HMAC (CVE-2015-9235 and its heirs)."""
    header, payload, _ = _parts(token)
    secrets = dict(_spellings(public_jwk))
    for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        for name, secret in secrets.items():
            signing_input = f"{encode(_json({**header, 'alg': alg}))}.{payload}"
            tag = hmac.new(secret, signing_input.encode(), digest).digest()
            yield f"{alg} keyed with the public key as {name}", f"{signing_input}.{encode(tag)}"


def _spellings(jwk: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    classes: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    material = {name: value for name, value in jwk.items() if name in {"kty", "crv", "x", "y", "n", "e"}}
    key = classes[jwk["kty"]].import_key(material).public_key
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield "PEM", pem
    yield "PEM without its last newline", pem.rstrip(b"\n")
    yield "PEM with CRLF", pem.replace(b"\n", b"\r\n")
    yield "DER", key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if jwk["kty"] == "RSA":
        yield "PKCS #1 PEM", key.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    yield "JWK", _json(jwk)
    yield "JWK with spaces", json.dumps(dict(jwk)).encode()
    yield "JWK, sorted required members", json.dumps(material, sort_keys=True, separators=(",", ":")).encode()
    yield "coordinate text", str(jwk.get("x") or jwk["n"]).encode()
    yield "coordinate bytes", decode(str(jwk.get("x") or jwk["n"]))
    yield "kid", str(jwk.get("kid", "kid")).encode()
    yield "nothing", b""


def _foreign_keys(token: str) -> Iterator[Case]:
    header, payload, _ = _parts(token)
    for alg in ("RS256", "ES256", "EdDSA", "Ed25519"):
        for name, members in (
            ("under the victim's kid", {}),
            ("embedded as jwk", {"jwk": _attacker_jwk(alg)}),
            (
                "embedded as jwk with the victim's kid",
                {"jwk": {**_attacker_jwk(alg), "kid": header.get("kid", "victim")}},
            ),
            ("named by jku", {"jku": "https://attacker.example/jwks.json", "kid": "attacker"}),
            ("named by x5u", {"x5u": "https://attacker.example/chain.pem", "kid": "attacker"}),
            ("with an unknown kid", {"kid": "attacker"}),
        ):
            signing_input = f"{encode(_json({**header, 'alg': alg, **members}))}.{payload}"
            signature = encode(_attacker_signature(alg, signing_input.encode()))
            yield f"attacker's {alg} key {name}", f"{signing_input}.{signature}"
        # The right header over the wrong kind of signature: an RSA signature for an EC key, and so on.
        own = f"{encode(_json(header))}.{payload}"
        yield (
            f"{alg} signature under the victim's header",
            f"{own}.{encode(_attacker_signature(alg, own.encode()))}",
        )
    certificate = {"x5c": [encode(b"not a certificate")], "x5t": encode(hashlib.sha256(b"x").digest())}
    signing_input = f"{encode(_json({**header, 'alg': 'RS256', **certificate}))}.{payload}"
    yield "attacker's x5c", f"{signing_input}.{encode(_attacker_signature('RS256', signing_input.encode()))}"


def _headers_kept_signature(token: str) -> Iterator[Case]:
    header, payload, signature = _parts(token)
    changes: list[tuple[str, dict[str, Any]]] = [(f"crit {name}", {"crit": value}) for name, value in BAD_CRITS]
    changes += [(f"kid {name}", {"kid": value}) for name, value in BAD_KIDS]
    changes += [(f"header {name}", members) for name, members in REFUSED_HEADERS]
    changes.append(("header of 1 MB", {"padding": "A" * MEGABYTE}))
    changes.append(("header with 10,000 members", {f"m{number}": number for number in range(10_000)}))
    for name, members in changes:
        yield name, f"{encode(_json({**header, **members}))}.{payload}.{signature}"
    yield "b64 false, payload in the clear", f"{encode(_json({**header, 'b64': False}))}.{{}}.{signature}"


def _broken_shapes(token: str) -> Iterator[Case]:
    header, payload, signature = token.split(".")
    yield "empty", ""
    yield "one dot", "."
    yield "two dots", ".."
    yield "a million dots", "." * MEGABYTE
    yield "header alone", header
    yield "no signature part", f"{header}.{payload}"
    yield "no header", f".{payload}.{signature}"
    yield "no payload (detached)", f"{header}..{signature}"
    yield "parts swapped", f"{payload}.{header}.{signature}"
    yield "fourth part", f"{token}.{signature}"
    yield "trailing dot", f"{token}."
    yield "leading dot", f".{token}"
    yield (
        "JWE of five parts",
        f"{encode(_json({'alg': 'dir', 'enc': 'A256GCM'}))}..{payload}.{signature}.{signature}",
    )
    yield (
        "JWE with PBES2 and a huge count",
        (
            f"{encode(_json({'alg': 'PBES2-HS256+A128KW', 'enc': 'A128GCM', 'p2c': 2**31 - 1, 'p2s': 'AA'}))}"
            f".{signature}.AAAA.{payload}.AAAA"
        ),
    )
    yield (
        "JWE header in three parts",
        (f"{encode(_json({'alg': 'RSA-OAEP', 'enc': 'A256GCM', 'zip': 'DEF'}))}.{payload}.{signature}"),
    )
    yield (
        "JWS in flattened JSON",
        json.dumps({"protected": header, "payload": payload, "signature": signature}),
    )
    yield (
        "JWS in general JSON",
        json.dumps({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}),
    )
    yield "SD-JWT tail", f"{token}~"
    yield "Bearer before it", f"Bearer {token}"
    yield "quoted", f'"{token}"'
    yield "the last part twice", f"{token}{signature}"
    for name, character in (
        ("space", " "),
        ("newline", "\n"),
        ("tab", "\t"),
        ("NUL", "\x00"),
        ("equals", "="),
    ):
        yield f"{name} at the end", token + character
        yield f"{name} in front", character + token
        yield f"{name} inside the signature", f"{header}.{payload}.{signature[:8]}{character}{signature[8:]}"
        yield f"{name} after the header", f"{header}{character}.{payload}.{signature}"
    yield "padded payload", f"{header}.{payload}{'=' * (-len(payload) % 4 or 4)}.{signature}"
    yield "padded header", f"{header}{'=' * (-len(header) % 4 or 4)}.{payload}.{signature}"
    yield "a character short of base64", f"{header}.{payload}.{signature[: len(signature) // 4 * 4]}A"
    yield "standard alphabet", f"{header}.{payload}.+/{signature[2:]}"
    yield "stray trailing bits", f"{header}.{payload}.{_stray_bits(signature)}"
    yield "full-width dots", "\uff0e".join((header, payload, signature))
    yield "percent-encoded dots", "%2E".join((header, payload, signature))
    yield "look-alike letter", f"{header}.{payload}.\u0430{signature[1:]}"
    yield "lone surrogate", f"{header}.{payload}.\ud800{signature[1:]}"
    yield "emoji", f"{header}.{payload}.\U0001f511"
    yield "twice", f"{token}{token}"


def _broken_json(token: str) -> Iterator[Case]:
    header, payload, signature = token.split(".")
    documents = [*BAD_DOCUMENTS, *((name, b'{"a":' + value + b"}") for name, value in BAD_VALUES)]
    for name, document in documents:
        yield f"header is {name}", f"{encode(document)}.{payload}.{signature}"
        yield f"payload is {name}", f"{header}.{encode(document)}.{signature}"
    text = decode(header)
    for first in (b'{"alg":"none",', b'{"kid":"../../x",', b'{"crit":null,'):
        name = first.decode()[1:-1]
        yield f"duplicate {name} in front", f"{encode(first + text[1:])}.{payload}.{signature}"
        yield (
            f"duplicate {name} behind",
            f"{encode(text[:-1] + b',' + first[1:-1] + b'}')}.{payload}.{signature}",
        )


def _broken_signatures(token: str, public_jwk: Mapping[str, Any]) -> Iterator[Case]:
    header, payload, signature = token.split(".")
    raw = decode(signature)
    for position in (0, 1, len(raw) // 2, len(raw) - 1):
        flipped = bytearray(raw)
        flipped[position] ^= 1
        yield f"signature bit flipped in byte {position}", f"{header}.{payload}.{encode(bytes(flipped))}"
    for name, value in (
        ("a single zero", b"\x00"),
        ("all zero (r = s = 0)", bytes(len(raw))),
        ("all ones", b"\xff" * len(raw)),
        ("r = s = 1", (bytes(31) + b"\x01") * 2),
        ("r = 1, s = 0", bytes(31) + b"\x01" + bytes(32)),
        ("r = s = n", P256_ORDER.to_bytes(32, "big") * 2),
        ("r = s = p's worth of n + 1", (P256_ORDER + 1).to_bytes(32, "big") * 2),
        ("cut by one byte", raw[:-1]),
        ("cut in half", raw[: len(raw) // 2]),
        ("one byte longer", raw + b"\x00"),
        ("a zero in front", b"\x00" + raw),
        ("one zero between the halves", raw[: len(raw) // 2] + b"\x00" + raw[len(raw) // 2 :]),
        ("reversed", raw[::-1]),
        ("halves swapped", raw[len(raw) // 2 :] + raw[: len(raw) // 2]),
        ("DER", _der(raw)),
        ("DER with an indefinite length", b"\x30\x80\x02\x01\x01\x02\x01\x01\x00\x00"),
        ("1 MB", b"\x01" * MEGABYTE),
        ("the payload", decode(payload)),
        ("a hash of the signing input", hashlib.sha256(f"{header}.{payload}".encode()).digest() * 2),
        ("the public key", decode(str(public_jwk.get("x") or public_jwk["n"]))),
    ):
        yield f"signature is {name}", f"{header}.{payload}.{encode(value)}"
    yield "signature empty", f"{header}.{payload}."
    yield "signature of another token", f"{header}.{payload}.{encode(_attacker_signature('ES256', b'other'))}"


def _der(raw: bytes) -> bytes:
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def _stray_bits(text: str) -> str:
    """The same bytes for a lax decoder, in another spelling."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]


def _changed_claims(token: str) -> Iterator[Case]:
    header, payload, signature = token.split(".")
    claims = json.loads(decode(payload))
    changes: list[tuple[str, dict[str, Any]]] = [
        ("sub of someone else", {"sub": "someone-else"}),
        ("aud null", {"aud": None}),
        ("aud object", {"aud": {"any": True}}),
        ("aud list of lists", {"aud": [["a"]]}),
        ("iss list", {"iss": ["https://issuer.example"]}),
        ("exp a century later", {"exp": 5_000_000_000}),
        ("claims of 1 MB", {"padding": "A" * MEGABYTE}),
        ("proto pollution", {"__proto__": {"admin": True}}),
    ]
    changes += [(f"{claim} {name}", {claim: value}) for claim in ("exp", "nbf", "iat") for name, value in BAD_TIMES]
    for name, members in changes:
        yield f"claim changed: {name}", f"{header}.{encode(_json({**claims, **members}))}.{signature}"
    yield "claims removed", f"{header}.{encode(b'{}')}.{signature}"


def _parts(token: str) -> tuple[dict[str, Any], str, str]:
    header, payload, signature = token.split(".")
    return json.loads(decode(header)), payload, signature
