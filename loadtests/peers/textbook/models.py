"""Tables of the textbook provider, as Authlib's SQLAlchemy mixins shape them."""

import os

from authlib.integrations.sqla_oauth2 import OAuth2AuthorizationCodeMixin, OAuth2ClientMixin, OAuth2TokenMixin
from sqlalchemy import ForeignKey, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, scoped_session, sessionmaker


class Base(DeclarativeBase):
    """Declarative base."""


class User(Base):
    """A person."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(unique=True)
    age_band: Mapped[str]

    def get_user_id(self) -> int:
        """Authlib stores this beside each token."""
        return self.id


class Client(Base, OAuth2ClientMixin):
    """A relying party."""

    __tablename__ = "clients"
    id: Mapped[int] = mapped_column(primary_key=True)


class AuthorizationCode(Base, OAuth2AuthorizationCodeMixin):
    """A code that waits for its exchange."""

    __tablename__ = "authorization_codes"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship()


class Token(Base, OAuth2TokenMixin):
    """An access token and, where the client may refresh, a refresh token."""

    __tablename__ = "tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship()

    def get_user(self) -> User:
        """Used by the UserInfo endpoint."""
        return self.user

    def get_client(self) -> Client:
        """Used by the UserInfo endpoint."""
        return session.query(Client).filter_by(client_id=self.client_id).one()


engine = create_engine(f"sqlite:///{os.environ['PEER_DATABASE']}")
session = scoped_session(sessionmaker(engine))


@event.listens_for(Engine, "connect")
def durable(connection, _record):
    """As durable as what it is compared with: each commit is on disk before it is answered.

    The write-ahead log is the faster of SQLite's durable modes, so the peer gets it too.
    """
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
