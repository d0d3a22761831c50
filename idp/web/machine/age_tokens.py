"""The path table of anonymous age tokens (RFC 9578) on the account side."""

from crypto.privacy_pass_directory import DIRECTORY_PATH
from idp.domain.age import Band
from idp.protocol.age_tokens.directory import (
    REQUEST_PATH,
    answer_current_key,
    answer_directory,
    answer_key_log,
)
from idp.protocol.age_tokens.issuance import answer_token_issuance
from idp.protocol.age_tokens.signers import TokenSigners
from idp.protocol.provider import Provider
from idp.services.token_keys import LogSigner
from idp.web.machine.edge import Route


def age_token_table(provider: Provider, signers: TokenSigners, log: LogSigner) -> dict[str, Route]:
    """Paths at the root of the issuer's host: RFC 9578 knows no issuer with a path."""
    return {
        DIRECTORY_PATH: Route("token_directory", lambda r: answer_directory(signers, Band.ADULT, r), cors=True),
        "/token-keys/minor": Route("token_directory", lambda r: answer_directory(signers, Band.MINOR, r), cors=True),
        "/token-keys/current": Route("token_key", lambda r: answer_current_key(provider, signers, r), cors=True),
        "/token-keys/log": Route("token_log", lambda r: answer_key_log(provider, log, r), cors=True),
        REQUEST_PATH: Route("token_request", lambda r: answer_token_issuance(provider, signers, r), cors=True),
    }
