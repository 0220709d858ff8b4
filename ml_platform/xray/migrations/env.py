"""Run by Alembic: the migrations, on the connection and in the transaction that it was given."""

from alembic import context

from ml_platform.xray.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    # Not Alembic's own name: Dagster and MLflow use that one.
    version_table=VERSION_TABLE,
)
context.run_migrations()
