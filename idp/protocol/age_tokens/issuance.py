"""Issuance of age tokens (RFC 9578, section 6; generic batch of the batched-tokens draft).

Order is security:
 1 the message is well formed, every byte used    4 the quota is charged, in one statement
 2 an access token of scope age_tokens holds      5 signed with the key of the account's band and epoch
 3 evidence and age entitle to tokens
What is signed is blinded: nothing of it is kept, and nothing of it could be recognised later.
"""

from crypto.blind_rsa_keys import BlindRsaKey
from crypto.errors import TokenError
from crypto.privacy_pass import TOKEN_REQUEST_MEDIA_TYPE, TOKEN_RESPONSE_MEDIA_TYPE, TokenRequest
from crypto.privacy_pass_batch import (
    GENERIC_BATCH_REQUEST_MEDIA_TYPE,
    GENERIC_BATCH_RESPONSE_MEDIA_TYPE,
    GenericBatchTokenRequest,
)
from crypto.privacy_pass_issuer import issue, issue_batch
from idp.domain.age_token import TokenKey
from idp.domain.errors import Refused
from idp.domain.scope import AGE_TOKENS
from idp.protocol import errors
from idp.protocol.age_tokens.signers import TokenSigners
from idp.protocol.bearer import Authorized, authorize
from idp.protocol.message import NO_STORE, Request, Response
from idp.protocol.provider import Provider
from idp.services.token_allowance import charge_allowance, entitled_band


def answer_token_issuance(provider: Provider, signers: TokenSigners, request: Request) -> Response:
    """Answer POST /token-request, single or batch by its media type (RFC 9578, section 6.1)."""
    if request.method != "POST":
        raise errors.MethodNotAllowed("POST")
    asked = _parse(request)  # 1
    holder = authorize(provider, request, AGE_TOKENS)  # 2
    key = _entitled_key(provider, signers, holder)  # 3
    truncated = key.key_id[-1]
    wanted = asked.token_requests if isinstance(asked, GenericBatchTokenRequest) else (asked,)
    count = sum(1 for one in wanted if isinstance(one, TokenRequest) and one.truncated_token_key_id == truncated)
    if count == 0:
        raise errors.UnprocessableToken("no request names the key of this account's band and epoch")
    try:
        charge_allowance(provider.realm, holder.grant.account_id, request.body, count)  # 4
    except Refused as refused:
        raise errors.QuotaSpent(str(refused)) from refused
    with signers.signing_with(key) as opened:
        return _signed(asked, {truncated: opened})  # 5


def _parse(request: Request) -> TokenRequest | GenericBatchTokenRequest:
    media_type = request.content_type.partition(";")[0].strip().lower()
    try:
        if media_type == TOKEN_REQUEST_MEDIA_TYPE:
            return TokenRequest.from_bytes(request.body)
        if media_type == GENERIC_BATCH_REQUEST_MEDIA_TYPE:
            return GenericBatchTokenRequest.from_bytes(request.body)
    except TokenError as error:
        raise errors.UnprocessableToken("the token request is malformed", str(error)) from error
    raise errors.UnsupportedMediaType("the body must be a private token request")


def _entitled_key(provider: Provider, signers: TokenSigners, holder: Authorized) -> TokenKey:
    try:
        band = entitled_band(provider.realm.policy, holder.standing.age, provider.now())
    except Refused as refused:
        raise errors.NotEntitled(str(refused)) from refused
    key = signers.current(band)
    if key is None:
        raise errors.TemporarilyUnavailable("no key is in use yet")
    return key


def _signed(asked: TokenRequest | GenericBatchTokenRequest, keys: dict[int, BlindRsaKey]) -> Response:
    try:
        if isinstance(asked, TokenRequest):
            return Response(200, issue(asked, keys).to_bytes(), TOKEN_RESPONSE_MEDIA_TYPE, NO_STORE)
        answered = issue_batch(asked, keys)
    except TokenError as error:
        raise errors.UnprocessableToken("the token request is malformed", str(error)) from error
    if answered.issued == 0:
        raise errors.UnprocessableToken("no request could be answered")
    status = 200 if answered.issued == len(asked.token_requests) else 206
    return Response(status, answered.to_bytes(), GENERIC_BATCH_RESPONSE_MEDIA_TYPE, NO_STORE)
