"""Bad header values, times and JSON texts from which hostile JWTs are made."""

from typing import Any

DEEP = 100_000
MEGABYTE = 1_000_000
ALG_SPELLINGS = ("none", "None", "NONE", "nOnE", "none ", " none", "none\u0000", "\u043done")
WRONG_ALGS: tuple[tuple[str, Any], ...] = (
    ("HS384", "HS384"),
    ("HS512", "HS512"),
    ("PS256", "PS256"),
    ("ES384", "ES384"),
    ("ES256K", "ES256K"),
    ("RS1", "RS1"),
    ("RSA1_5", "RSA1_5"),
    ("lower case", "es256"),
    ("lower case RSA", "rs256"),
    ("upper case", "EDDSA"),
    ("lower case Ed25519", "ed25519"),
    ("another curve", "Ed448"),
    ("a fully-specified name that is none", "ES256-P256"),
    ("trailing space", "ES256 "),
    ("empty", ""),
    ("null", None),
    ("true", True),
    ("number", 256),
    ("object", {"name": "ES256"}),
    ("list of none", ["none"]),
    ("list of ES256", ["ES256"]),
    ("list of all", ["RS256", "ES256", "EdDSA"]),
)
BAD_KIDS: tuple[tuple[str, Any], ...] = (
    ("path traversal", "../../../../../../dev/null"),
    ("path traversal, encoded", "..%2f..%2f..%2fetc%2fpasswd"),
    ("file url", "file:///proc/self/environ"),
    ("SQL", "x' UNION SELECT 'secret' -- "),
    ("shell", "$(touch owned)`id`|id"),
    ("template", "{{7*7}}${7*7}<%= 7*7 %>"),
    ("NUL", "key\u0000.pem"),
    ("newline", "key\r\nSet-Cookie: a=b"),
    ("lone surrogate", "\ud800"),
    ("empty", ""),
    ("65 characters", "k" * 65),
    ("1 MB", "k" * MEGABYTE),
    ("object", {"$ne": None}),
    ("list", ["kid"]),
    ("number", 7),
    ("null", None),
    ("true", True),
)
BAD_CRITS: tuple[tuple[str, Any], ...] = (
    ("number", 1),
    ("null", None),
    ("empty list", []),
    ("b64", ["b64"]),
    ("unknown", ["urn:example:unknown"]),
    ("text", "exp"),
    ("object", {"exp": True}),
    ("list of numbers", [1, 2]),
    ("alg", ["alg"]),
    ("false", False),
)
BAD_TIMES: tuple[tuple[str, Any], ...] = (
    ("negative", -1),
    ("float", 1_900_000_000.5),
    ("true", True),
    ("text", "1900000000"),
    ("null", None),
    ("list", [1_900_000_000]),
    ("object", {"seconds": 1_900_000_000}),
    ("past the year 9999", 253_402_300_800),
    ("past 53 bits", 2**53),
    ("past 64 bits", 2**64),
)
REFUSED_HEADERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("jwk", {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}}),
    ("jwk null", {"jwk": None}),
    ("jku", {"jku": "https://attacker.example/jwks.json"}),
    ("jku to the metadata service", {"jku": "http://169.254.169.254/latest/meta-data/"}),
    ("x5u", {"x5u": "https://attacker.example/chain.pem"}),
    ("x5c", {"x5c": ["MIIBszCCAVmgAwIBAgIUJ7V1"]}),
    ("b64 false", {"b64": False}),
    ("b64 false and crit", {"b64": False, "crit": ["b64"]}),
    ("b64 true", {"b64": True}),
    ("zip", {"zip": "DEF"}),
    ("enc", {"enc": "A256GCM"}),
    ("typ number", {"typ": 1}),
    ("typ null", {"typ": None}),
    ("typ list", {"typ": ["JWT"]}),
    ("typ of a stranger", {"typ": "stranger+jwt"}),
)
# JSON texts that are fine nowhere, to stand as the value of a member.
BAD_VALUES: tuple[tuple[str, bytes], ...] = (
    ("NaN", b"NaN"),
    ("Infinity", b"Infinity"),
    ("minus Infinity", b"-Infinity"),
    ("1e999", b"1e999"),
    ("5000 digits", b"9" * 5000),
    ("a duplicate key", b'{"b":1,"b":2}'),
    ("a duplicate key, escaped", b'{"b":1,"\\u0062":2}'),
    ("nested lists", b"[" * DEEP + b"1" + b"]" * DEEP),
    ("nested objects", b'{"b":' * DEEP + b"1" + b"}" * DEEP),
    ("a lone surrogate", b'"\\ud800"'),
    ("a raw control character", b'"\x00"'),
    ("bad UTF-8", b'"\xff\xfe"'),
    ("a comment", b"1/**/"),
    ("a hexadecimal number", b"0x10"),
    ("a leading zero", b"01"),
    ("single quotes", b"'b'"),
    ("a trailing comma", b"1,"),
    ("nothing", b""),
)
# Texts that are no JSON object.
BAD_DOCUMENTS: tuple[tuple[str, bytes], ...] = (
    ("empty", b""),
    ("null", b"null"),
    ("true", b"true"),
    ("a number", b"1"),
    ("text", b'"text"'),
    ("a list", b"[]"),
    ("a list holding an object", b'[{"alg":"ES256"}]'),
    ("unclosed nesting", b"[" * DEEP),
    ("two objects", b"{} {}"),
    ("cut off", b'{"alg":"ES256"'),
    ("behind a byte order mark", b"\xef\xbb\xbf{}"),
    ("in UTF-16", '{"a":1}'.encode("utf-16")),
    ("binary", bytes(range(256))),
)


def is_printable_kid(kid: Any) -> bool:
    """Hostile by meaning only: such a kid is compared with those of known keys and goes nowhere else."""
    return isinstance(kid, str) and 0 < len(kid) <= 64 and kid.isascii() and kid.isprintable()
