"""Browsers from elsewhere may call /cds-services, and nothing else: those of CDS clients that run in one."""

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from referral_service.sources import CdsClient

_PLACE = "/cds-services"


class CrossOrigin:
    """The middleware. Credentials of the browser are never asked for: a token is in a header, or nowhere."""

    def __init__(self, app: ASGIApp, clients: Collection[CdsClient], is_open: bool) -> None:
        """`is_open`: a page from anywhere may call, as anybody may."""
        self._app = app
        origins = {origin.rstrip("/") for client in clients for origin in client.origins}
        self._cors = CORSMiddleware(
            app,
            allow_origins=["*"] if is_open else sorted(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            allow_private_network=is_open,
            expose_headers=["X-Request-Id"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; what is not for /cds-services goes through untouched."""
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{_PLACE}/"):
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            scope["interaction"] = _PLACE  # answered before any route is looked for
        await self._cors(scope, receive, send)
