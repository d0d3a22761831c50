"""A textbook OpenID provider: Flask, Authlib's stock grants, SQLAlchemy's ORM, SQLite. Run by gunicorn.

Environment: PEER_DATABASE (file), PEER_ISSUER (address), PEER_KEY (file with a private P-256 JWK).
"""

import json
import os
import time
from pathlib import Path

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.integrations.sqla_oauth2 import (
    create_bearer_token_validator,
    create_query_client_func,
    create_query_token_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core import OpenIDCode, UserInfo, UserInfoEndpoint
from authlib.oidc.core.grants.code import OpenIDToken
from flask import Flask, jsonify
from joserfc.jwk import ECKey
from models import AuthorizationCode, Client, Token, User, session

ISSUER = os.environ["PEER_ISSUER"]
KEY = ECKey.import_key(json.loads(Path(os.environ["PEER_KEY"]).read_text()))
ID_TOKEN_SECONDS = 300


class CodeGrant(grants.AuthorizationCodeGrant):
    """The stock grant with its storage filled in."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]

    def query_authorization_code(self, code, client):
        found = session.query(AuthorizationCode).filter_by(code=code, client_id=client.client_id).first()
        return found if found and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code):
        session.delete(authorization_code)
        session.commit()

    def authenticate_user(self, authorization_code):
        return session.get(User, authorization_code.user_id)


class RefreshGrant(grants.RefreshTokenGrant):
    """The stock grant; confidential clients keep their refresh token, as they do in what it is compared with."""

    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]
    INCLUDE_NEW_REFRESH_TOKEN = False

    def authenticate_refresh_token(self, refresh_token):
        found = session.query(Token).filter_by(refresh_token=refresh_token).first()
        return found if found and not found.is_revoked() else None

    def authenticate_user(self, refresh_token):
        return session.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token):
        """Nothing: the refresh token stays good."""


def user_claims(user, scope):
    """What is said of a person."""
    claims = UserInfo(sub=user.subject)
    if "age" in scope.split():
        claims["age_band"] = user.age_band
    return claims


class _IdToken:
    def resolve_client_private_key(self, client):
        return KEY

    def get_client_algorithm(self, client):
        return "ES256"

    def get_encode_header(self, client):
        return {"alg": "ES256", "kid": KEY.kid}

    def get_client_claims(self, client):
        return {"iss": ISSUER, "aud": client.get_client_id(), "exp": int(time.time()) + ID_TOKEN_SECONDS}

    def generate_user_info(self, user, scope):
        return user_claims(user, scope)


class CodeIdToken(_IdToken, OpenIDCode):
    """ID token of a code exchange."""

    def exists_nonce(self, nonce, request):
        found = session.query(AuthorizationCode).filter_by(client_id=request.payload.client_id, nonce=nonce).first()
        return found is not None


class RefreshIdToken(_IdToken, OpenIDToken):
    """ID token of a refresh (OpenID Connect Core, section 12.2)."""


class Introspection(IntrospectionEndpoint):
    """Token introspection for the client that the token belongs to."""

    CLIENT_AUTH_METHODS = ["client_secret_basic"]
    query_token = staticmethod(create_query_token_func(session, Token))

    def check_permission(self, token, client, request):
        return token.check_client(client)

    def introspect_token(self, token):
        return {
            "active": True, "client_id": token.client_id, "token_type": token.token_type, "scope": token.scope,
            "sub": token.user.subject, "iss": ISSUER, "iat": token.issued_at,
            "exp": token.issued_at + token.expires_in,
        }  # fmt: skip


class AgeUserInfo(UserInfoEndpoint):
    """UserInfo with the age band."""

    def generate_user_info(self, user, scope):
        return user_claims(user, scope)


def create_app():
    """The WSGI application."""
    app = Flask(__name__)
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    server = AuthorizationServer(app, create_query_client_func(session, Client), create_save_token_func(session, Token))
    server.register_grant(CodeGrant, [CodeIdToken(), CodeChallenge(required=True)])
    server.register_grant(RefreshGrant, [RefreshIdToken()])
    server.register_endpoint(Introspection)
    protector = ResourceProtector()
    protector.register_token_validator(create_bearer_token_validator(session, Token)())
    server.register_endpoint(AgeUserInfo(resource_protector=protector))

    @app.post("/token")
    def token():
        return server.create_token_response()

    @app.post("/introspect")
    def introspect():
        return server.create_endpoint_response(Introspection.ENDPOINT_NAME)

    @app.get("/userinfo")
    def userinfo():
        return server.create_endpoint_response(AgeUserInfo.ENDPOINT_NAME)

    @app.get("/jwks")
    def jwks():
        return jsonify(keys=[KEY.as_dict(private=False, alg="ES256", use="sig")])

    @app.teardown_appcontext
    def end_session(_error):
        session.remove()

    return app
