"""The fixtures that these tests share."""

from tests.cds_hooks.client import client
from tests.kit.server import server

__all__ = ["client", "server"]
