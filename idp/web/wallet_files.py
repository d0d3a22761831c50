"""The wallet's files as they are installed: read once, served as they are, named in the key log by their digests."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from crypto.encoding import b64url_encode

DIRECTORY = Path(__file__).parent / "pages" / "static" / "wallet"
PAGE = "index.html"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
}


def read_wallet(directory: Path = DIRECTORY) -> Mapping[str, bytes]:
    """Name -> bytes of every file of the wallet in `directory`."""
    files = sorted(path for path in directory.iterdir() if path.suffix in MEDIA_TYPES)
    return {path.name: path.read_bytes() for path in files}


def wallet_digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """Name -> base64url SHA-256, as a `wallet-files` leaf has them."""
    return {name: b64url_encode(sha256(content).digest()) for name, content in files.items()}
