"""The fixture that all of these tests share."""

from tests.kit.server import server

__all__ = ["server"]
