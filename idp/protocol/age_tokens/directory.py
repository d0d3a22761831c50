"""What the account side publishes of its token keys: directories by band, the key of the moment, the log."""

import orjson

from crypto.encoding import b64url_encode
from crypto.privacy_pass_directory import DIRECTORY_MEDIA_TYPE, IssuerDirectory, TokenKey
from idp.domain.age import Band
from idp.domain.age_token import TOKEN_TYPE
from idp.domain.errors import Refused
from idp.domain.scope import AGE_TOKENS
from idp.protocol import errors
from idp.protocol.age_tokens.signers import TokenSigners
from idp.protocol.bearer import authorize
from idp.protocol.message import JSON, Request, Response, json_response
from idp.protocol.provider import Provider
from idp.services.token_allowance import entitled_band
from idp.services.token_keys import LogSigner, published_log

REQUEST_PATH = "/token-request"
MAX_AGE = 300

_CACHEABLE = (("Cache-Control", f"public, max-age={MAX_AGE}"),)


def answer_directory(signers: TokenSigners, band: Band, request: Request) -> Response:
    """Answer GET for the issuer directory (RFC 9578, section 4); the same bytes for everyone.

    The well-known one lists the adult keys alone: a standard client takes whatever key it finds there.
    """
    _only_get(request)
    keys = tuple(TokenKey(TOKEN_TYPE, key.spki, key.not_before) for key in signers.published(band))
    return Response(200, IssuerDirectory(REQUEST_PATH, keys).to_json(), DIRECTORY_MEDIA_TYPE, _CACHEABLE)


def answer_current_key(provider: Provider, signers: TokenSigners, request: Request) -> Response:
    """Answer GET /token-keys/current for a wallet: the one key its account's band is signed with now."""
    _only_get(request)
    holder = authorize(provider, request, AGE_TOKENS)
    try:
        key = signers.current(entitled_band(provider.realm.policy, holder.standing.age, provider.now()))
    except Refused as refused:
        raise errors.NotEntitled(str(refused)) from refused
    if key is None:
        raise errors.TemporarilyUnavailable("no key is in use yet")
    described = {
        "band": key.band.value,
        "epoch": key.epoch,
        "key_id": b64url_encode(key.key_id),
        "key": b64url_encode(key.spki),
    }
    return json_response(described)


def answer_key_log(provider: Provider, signer: LogSigner, request: Request) -> Response:
    """Answer GET /token-keys/log: every leaf, the signed checkpoint over them, and the older ones that were cosigned.

    The newest checkpoint is always younger than the keys in use; that a witness saw them in time, the older ones show.
    """
    _only_get(request)
    log = published_log(provider.realm.store, signer)
    document = {
        "checkpoint": log.note,
        "leaves": [b64url_encode(leaf) for leaf in log.leaves],
        "witnessed": log.witnessed,
    }
    return Response(200, orjson.dumps(document), JSON, (("Cache-Control", "public, max-age=60"),))


def _only_get(request: Request) -> None:
    if request.method not in ("GET", "HEAD"):
        raise errors.MethodNotAllowed("GET, HEAD")
