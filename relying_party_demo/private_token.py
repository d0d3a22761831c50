"""`python -m relying_party_demo.private_token fetch|spend URL`: age tokens in a terminal, without a browser sign-in.

`fetch` asks somebody to agree in a browser (device flow) and keeps the tokens in a file; `spend` shows one to the page.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import EncodingError, TokenError
from crypto.privacy_pass import Token
from crypto.privacy_pass_batch import BATCH_MAX
from relying_party_demo.configuration import ConfigurationError, read_device_configuration
from relying_party_demo.device_flow import DeviceFlow, Ended
from relying_party_demo.languages import WORDS
from relying_party_demo.token_client import SCOPE, Refused, TokenClient, Wanted

_WORDS = WORDS["en"]
_tokens = click.option(
    "--tokens", default="age-tokens.txt", show_default=True, type=click.Path(dir_okay=False, path_type=Path),
    help="Where tokens are kept until they are spent.",
)  # fmt: skip


@click.group()
def main() -> None:
    """Fetch anonymous age tokens for a page, and spend them there; settings come from the environment, prefix DEMO_."""


@main.command()
@click.argument("url")
@click.option("--count", default=8, show_default=True, type=click.IntRange(1, BATCH_MAX))
@_tokens
def fetch(url: str, count: int, tokens: Path) -> None:
    """Fetch tokens for a page, ahead of use. An adult has to agree in a browser."""
    with _refusals():
        configuration = read_device_configuration(os.environ)
        client = TokenClient(configuration.issuer, configuration.token_log_key)
        wanted = client.ask(url)
        if not isinstance(wanted, Wanted):
            raise Refused(f"The page asks for no token (it answered {wanted.status_code}).")
        key = client.key_for(wanted)
        if configuration.token_log_key is None:
            click.echo("DEMO_TOKEN_LOG_KEY is not set: whether everybody gets this key has not been checked.", err=True)
        flow = DeviceFlow(configuration, scope=SCOPE, device_type=None)
        codes = flow.begin("en")
        click.echo(f"  An adult opens this address on a phone or a computer: {codes.verification_uri}")
        click.echo(f"  {_WORDS['tv_type']}\n\n      {codes.user_code}\n\n  {_WORDS['tv_waiting']}")
        fetched = client.fetch(wanted, key, flow.wait_for_access_token(codes), count)
        kept = TokenFile(tokens)
        kept.add(fetched)
        click.echo(f"{len(fetched)} tokens came, each verified. {kept.left(wanted)} are kept for {_place(wanted)}.")


@main.command()
@click.argument("url")
@_tokens
def spend(url: str, tokens: Path) -> None:
    """Show one token to a page and print what it answers."""
    with _refusals():
        configuration = read_device_configuration(os.environ)
        client, kept = TokenClient(configuration.issuer, configuration.token_log_key), TokenFile(tokens)
        wanted = client.ask(url)
        if not isinstance(wanted, Wanted):
            raise Refused(f"The page asks for no token (it answered {wanted.status_code}).")
        token = kept.take(wanted)
        if token is None:
            raise Refused(f"There is no token left for {_place(wanted)}. Fetch some first.")
        answer = client.spend(url, token)
        click.echo(answer.text.rstrip("\n"))
        click.echo(f"One token was spent; {kept.left(wanted)} are left for {_place(wanted)}.", err=True)
        if answer.status_code != 200:
            raise Refused(f"The page did not take it: {answer.status_code}.")


class TokenFile:
    """Unspent tokens, one a line, readable by their owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, tokens: list[Token]) -> None:
        """Keep these too."""
        with self._locked() as file:
            file.seek(0, os.SEEK_END)
            file.writelines(f"{b64url_encode(token.to_bytes())}\n" for token in tokens)

    def take(self, wanted: Wanted) -> Token | None:
        """A token for this page. It leaves the file before it is shown: shown twice, it would join the two visits."""
        with self._locked() as file:
            tokens = _read(file)
            fitting = [token for token in tokens if token.challenge_digest == wanted.challenge.digest]
            if not fitting:
                return None
            file.seek(0)
            file.truncate()
            file.writelines(f"{b64url_encode(token.to_bytes())}\n" for token in tokens if token is not fitting[0])
            return fitting[0]

    def left(self, wanted: Wanted) -> int:
        """How many there are for this page."""
        with self._locked() as file:
            return sum(token.challenge_digest == wanted.challenge.digest for token in _read(file))

    @contextmanager
    def _locked(self) -> Iterator[TextIO]:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _read(file: TextIO) -> list[Token]:
    try:
        return [Token.from_bytes(b64url_decode(line.rstrip("\n"))) for line in file]
    except (EncodingError, TokenError, UnicodeDecodeError) as error:
        raise Refused(f"{file.name} does not hold age tokens.") from error


def _place(wanted: Wanted) -> str:
    return wanted.challenge.origin_info


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (ConfigurationError, Refused) as error:
        raise click.ClickException(str(error)) from error
    except Ended as ended:
        raise click.ClickException(_WORDS[ended.word]) from ended


if __name__ == "__main__":
    main()
