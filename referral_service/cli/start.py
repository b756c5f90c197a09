"""What every process makes sure of before it starts, and how it says that it cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from referral_service.auth.access import AccessError
from referral_service.cli import CannotStart
from referral_service.cli.running import is_free
from referral_service.fhir.concepts import TerminologyError
from referral_service.pathways import PathwayError
from referral_service.settings import Settings
from referral_service.sources import SourcesError
from referral_service.store.engine import UnknownSchema
from referral_service.store.store import SqlStore
from referral_service.wiring import build_store


@contextmanager
def starting() -> Iterator[None]:
    """Says a failure of the database, or of a file that is given to the service, as CannotStart."""
    try:
        yield
    except (AccessError, PathwayError, SourcesError, TerminologyError) as error:
        raise CannotStart(str(error)) from error
    except UnknownSchema as error:
        raise CannotStart(str(error)) from error
    except DBAPIError as error:
        raise CannotStart(f"the database cannot be used: {error.orig}") from error


@contextmanager
def open_store(settings: Settings) -> Iterator[SqlStore]:
    """The store that is set, closed at the end; CannotStart if its database cannot be used."""
    with starting():
        store = build_store(settings)
        try:
            yield store
        finally:
            store.close()


def check_port(settings: Settings) -> None:
    """Raises CannotStart where somebody listens already on the port that is set."""
    if not is_free(settings.host, settings.port):
        raise CannotStart(f"port {settings.port} is taken; set REFERRAL_PORT to another one")


def check_migrated(settings: Settings) -> None:
    """Raises CannotStart unless the database has this version's schema; makes none."""
    address = make_url(settings.database)
    if address.get_backend_name() == "sqlite" and address.database and not Path(address.database).exists():
        raise CannotStart(
            f"there is no database {address.database}: is REFERRAL_DATA_DIR right?"
            " `referral-service migrate` makes one"
        )
    with open_store(settings) as store:
        if not store.is_migrated():
            raise CannotStart(
                "the database does not have this version's schema; run `referral-service migrate` first"
            )
