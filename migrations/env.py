# ruff: noqa: INP001  (a script that Alembic runs by its path)
"""Run by Alembic with the connection that `adapters.sql.migrations_runner` opened: its transaction and its lock hold for all of it."""

from alembic import context

from adapters.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
)
with context.begin_transaction():
    context.run_migrations()
