"""Alembic's entry for the door's database: runs its migrations on the connection that `schema` hands over."""

from alembic import context

from idp.storage.sql.door.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's schema changes are transactional, whatever Alembic assumes: half a migration is never left behind.
    transactional_ddl=True,
)

with context.begin_transaction():
    context.run_migrations()
