"""Token revocation (RFC 7009): a client ends one of its own grants; anything else is answered alike."""

from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.protocol.client_authentication import authenticate_client
from idp.protocol.dpop import proven_key
from idp.protocol.errors import InvalidRequest
from idp.protocol.held_token import read_held_token
from idp.protocol.message import Request, Response
from idp.protocol.provider import Provider
from idp.protocol.token import machine_form


def answer_revocation(provider: Provider, request: Request) -> Response:
    """Answer POST /revoke: 200 with no body, also for unknown tokens (RFC 7009, section 2.2).

    Revoking either kind of token ends the grant, and with it all tokens made from it (section 2.1).
    """
    form = machine_form(request)
    client = authenticate_client(provider, request, form)
    text = form.get("token")
    if text is None:
        raise InvalidRequest("token is missing")
    held = read_held_token(provider, client, text, proven_key(provider, request))
    if held is not None and (held.access is None or held.access.client_id == client.id):
        now = provider.now()
        event = AuditEvent(
            new_id(now), now, AuditKind.GRANT_REVOKED, None, client.id, held.grant_id.hex(), (("by", "client"),)
        )

        def unit(tx: Transaction) -> None:
            if tx.grants.revoke(held.grant_id, now):
                tx.audit.append(event)

        provider.realm.store.write(unit, held.grant_id)
    return Response(200)
