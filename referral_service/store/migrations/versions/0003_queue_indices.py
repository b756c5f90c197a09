"""The indices of the queue. PostgreSQL builds them while others read and write; may be run again."""

from referral_service.store.migrations.beside import build_indices

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CLEAN = "place IS NULL AND parked_at IS NULL"


def upgrade() -> None:
    """One at a time."""
    of_patients = (
        ("patient_dirty", ["place"], "place IS NOT NULL"),
        ("patient_asleep", ["wake_at"], f"{_CLEAN} AND wake_at IS NOT NULL"),
        ("patient_ahead", ["asked_at"], f"{_CLEAN} AND asked_at IS NOT NULL"),
    )
    build_indices("patient", of_patients)
    build_indices("referral", [("referral_unsent", ["task"], "fulfillment_status = 'draft'")])
