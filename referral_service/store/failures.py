"""What a database's failure means: which are worth another try, and what the others say to the outside."""

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from referral_service.core.problem import Category, Problem, problem

# PostgreSQL's: serialization failure, deadlock detected
_COLLISIONS = frozenset({"40001", "40P01"})


def is_collision(error: DBAPIError) -> bool:
    """Whether another transaction came between, so that doing it again may well succeed."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in _COLLISIONS


def problem_of(error: DBAPIError) -> Problem:
    """The failure as a Problem; what the database said stays inside, because it may quote values."""
    if isinstance(error, DataError):
        return problem(Category.INCORRECT, "A value cannot be stored.", code="value")
    if is_collision(error):
        return problem(Category.FAULT, "The database refused what was to be stored.")
    return problem(Category.UNAVAILABLE, "The database cannot be reached just now.")
