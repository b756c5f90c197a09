"""Runs migrations on the connection that store/engine.py hands over, in its transaction."""

from alembic import context

from referral_service.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
