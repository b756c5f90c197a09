"""Runs migrations on the connection that store/engine.py hands over.

On SQLite they share its transaction; on PostgreSQL each has its own, so that one may build indices
beside those who write.
"""

from alembic import context

from referral_service.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
