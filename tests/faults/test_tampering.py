"""A few hundred of the tamperings of which `make faults` tries 10,000, and what it takes to find them."""

from pathlib import Path
from random import Random

import pytest

from referral_service.store.engine import connect
from referral_service.store.store import SqlStore
from tests.faults.tampering import KINDS, fill, tamper
from tests.kit.clocks import HandClock


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    """Ledgers of two tenants."""
    made = SqlStore(connect(f"sqlite:///{tmp_path / 'ledger.db'}"), HandClock())
    made.migrate()
    return fill(made)


def test_random_tampering_is_found(store: SqlStore) -> None:
    told = list(tamper(store, 300, Random(20261122)))

    assert {kind for kind, _ in told} == KINDS.keys()
    assert [kind for kind, is_found in told if not is_found] == []
    assert all(store.verify_ledger(tenant).broken_at is None for tenant in store.ledger_tenants())
    store.close()


def test_without_sealed_heads_some_of_it_is_not(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is the heads that find what the chain cannot show."""
    monkeypatch.setattr(store, "ledger_heads", list)

    missed = {kind for kind, is_found in tamper(store, 300, Random(20261122)) if not is_found}

    assert missed == {"the end cut off", "computed anew", "taken out and computed anew", "all of a tenant's"}
    store.close()
