"""Subresource integrity of the wallet: `python -m tests.wallet.integrity` writes the digests into its page.

The page is a static file with the digest of every file it loads, so that its own digest stands for all of them. A
test fails when a file was changed and this was not run.
"""

import base64
import hashlib
import re
from pathlib import Path

from tests.need import ROOT

WALLET = ROOT / "idp" / "web" / "pages" / "static" / "wallet"
PAGE = WALLET / "index.html"
_ENTRY = "wallet.mjs"
_FILES = re.compile(r"(?<=<!-- files -->\n).*(?=<!-- /files -->)", re.DOTALL)
_IMPORT = re.compile(r'^(?:import|\} from) .*?"\./([a-z0-9_]+\.mjs)";$', re.MULTILINE)


def modules_in_order() -> list[str]:
    """Every module behind those it imports: so no browser can fetch one before its digest is known."""
    ordered: list[str] = []

    def visit(name: str, waiting: tuple[str, ...]) -> None:
        if name in waiting:
            raise ValueError(f"modules import one another in a circle: {waiting}")
        if name in ordered:
            return
        for imported in _IMPORT.findall((WALLET / name).read_text()):
            visit(imported, (*waiting, name))
        ordered.append(name)

    visit(_ENTRY, ())
    return ordered


def integrity(path: Path) -> str:
    """The `integrity` attribute of a file (Subresource Integrity, section 3.1)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


def expected_page() -> str:
    """The page as it has to be, with the digests of the files as they are."""
    *modules, entry = modules_in_order()
    lines = [f'<link rel="stylesheet" href="wallet/wallet.css" integrity="{integrity(WALLET / "wallet.css")}">']
    for name in modules:
        lines.append(f'<link rel="modulepreload" href="wallet/{name}" integrity="{integrity(WALLET / name)}">')
    lines.append(f'<script type="module" src="wallet/{entry}" integrity="{integrity(WALLET / entry)}"></script>')
    return _FILES.sub("\n".join(lines) + "\n", PAGE.read_text())


if __name__ == "__main__":
    PAGE.write_text(expected_page())
