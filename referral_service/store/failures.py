"""What a database's failure means: which are worth another try, and what the others say to the outside."""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from referral_service.core.problem import Category, Problem, problem

# PostgreSQL's: serialization failure, deadlock detected
_COLLISIONS = frozenset({"40001", "40P01"})


def is_collision(error: Exception) -> bool:
    """Whether another transaction came between, so that doing it again may well succeed."""
    if not isinstance(error, DBAPIError):
        return False
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in _COLLISIONS


def is_disconnection(error: Exception) -> bool:
    """Whether the connection itself was lost."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def problem_of(error: Exception) -> Problem:
    """The failure as a Problem; what was said of it stays inside, because it may quote values."""
    if isinstance(error, DataError | UnicodeError):
        return problem(Category.INCORRECT, "A value cannot be stored.", code="value")
    if is_collision(error) or not isinstance(error, DBAPIError | PoolTimeout):
        return problem(Category.FAULT, "The database refused what was to be stored.")
    return problem(Category.UNAVAILABLE, "The database cannot be reached just now.")
