"""Put authorization codes into the textbook provider's database: `mint.py COUNT [refresh]`, codes as JSON lines.

The first line names the client. The server reads the same rows as if its own /authorize had written them.
"""

import base64
import hashlib
import json
import secrets
import sys

from models import AuthorizationCode, Base, Client, User, engine, session

PEOPLE = 64
REDIRECT_URI = "http://127.0.0.1:9/callback"
SCOPE = "openid age"


def client_of(kind):
    """The client of one kind, made at first use."""
    found = session.query(Client).filter_by(client_id=f"bench-{kind}").first()
    if found:
        return found
    grant_types = ["authorization_code", "refresh_token"] if kind == "refresh" else ["authorization_code"]
    made = Client(client_id=f"bench-{kind}", client_secret=secrets.token_urlsafe(32))
    made.set_client_metadata(
        {
            "redirect_uris": [REDIRECT_URI], "grant_types": grant_types, "response_types": ["code"], "scope": SCOPE,
            "token_endpoint_auth_method": "client_secret_basic", "id_token_signed_response_alg": "ES256",
        }
    )  # fmt: skip
    session.add(made)
    session.commit()
    return made


def people():
    """The ids of the people that codes are for."""
    if not session.query(User).first():
        session.add_all(User(subject=secrets.token_urlsafe(32), age_band="adult") for _ in range(PEOPLE))
        session.commit()
    return [user.id for user in session.query(User)]


def main():
    """Print the client, then one line a code."""
    count, kind = int(sys.argv[1]), (sys.argv[2:] or ["exchange"])[0]
    Base.metadata.create_all(engine)
    client, users = client_of(kind), people()
    secret = {"client_id": client.client_id, "client_secret": client.client_secret, "redirect_uri": REDIRECT_URI}
    lines = [json.dumps(secret)]
    rows = []
    for index in range(count):
        code, verifier = secrets.token_urlsafe(36), secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        rows.append(
            AuthorizationCode(
                code=code, client_id=client.client_id, redirect_uri=REDIRECT_URI, response_type="code", scope=SCOPE,
                nonce=secrets.token_urlsafe(16), user_id=users[index % len(users)],
                code_challenge=challenge, code_challenge_method="S256",
            )
        )  # fmt: skip
        lines.append(json.dumps({"code": code, "code_verifier": verifier}))
    session.add_all(rows)
    session.commit()
    print("\n".join(lines))


main()
