"""Alembic's entry: runs migrations on the connection that `Database.migrate` holds."""

from alembic import context

from outcrop.adapters.catalog_sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="catalog_version",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
