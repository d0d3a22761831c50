"""Proof of possession at our endpoints (RFC 9449): one header, a fresh nonce of ours, a proof that is used once.

Order is security (numbers of RFC 9449, section 4.3, where they are its checks):
 1 at most one header line          2-9, 11 form, signature, method, address, time (crypto.dpop)
 10 the nonce is one of ours        12 at resources: the access token is the one presented (crypto.dpop)
 13 the proof has not been seen (section 11.1): one insert, last, so that a refused proof burns nothing
"""

from crypto.dpop import DpopProof, verify_proof
from crypto.encoding import lp
from crypto.errors import DpopError
from idp.protocol.errors import InvalidDpopProof, UseDpopNonce
from idp.protocol.message import Request
from idp.protocol.provider import Provider

ALGORITHMS = ("ES256", "EdDSA", "Ed25519", "RS256")
WINDOW_SECONDS = 60


def proven_key(provider: Provider, request: Request, access_token: str | None = None) -> str | None:
    """The thumbprint (`jkt`, 43 characters) of the key this request proves, or None without a DPoP header.

    `access_token` is the presented token at resources. InvalidDpopProof; UseDpopNonce with a nonce to try again with.
    """
    if not request.dpop:
        return None
    if len(request.dpop) != 1:  # 1
        raise InvalidDpopProof("more than one DPoP header")
    now = provider.now()
    try:
        proof = verify_proof(
            request.dpop[0].strip(),
            method=request.method,
            url=provider.issuer + request.path,
            now=now,
            access_token=access_token,
            algorithms=frozenset(ALGORITHMS),
            window=WINDOW_SECONDS,
        )
    except DpopError as error:
        raise InvalidDpopProof("the DPoP proof is not valid", str(error)) from error
    if proof.nonce is None or not provider.dpop_nonces.accepts(proof.nonce, now):  # 10
        raise UseDpopNonce(provider.dpop_nonces.current(now))
    if not _claim(provider, proof):  # 13
        raise InvalidDpopProof("the DPoP proof has been used")
    return proof.jkt


def _claim(provider: Provider, proof: DpopProof) -> bool:
    seen = lp(proof.jkt, proof.jti)
    expires_at = proof.iat + 2 * WINDOW_SECONDS + 1
    return provider.realm.store.write(lambda tx: tx.spent.claim("dpop", seen, expires_at), seen)
