"""Access to the page: the requests that may open it."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from seg3d_ros.viewer.settings import ViewerSettings

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Access:
    """Rules by which a page may connect.

    Attributes:
        token: that has to be the path of the page's socket; empty: none is asked for, and the
            request has to name the loopback, so that a name which somebody else points at it
            (DNS rebinding) is of no use.
    """

    token: str = ""

    def refusal(self, path: str, headers: Mapping[str, str]) -> str:
        """Reason why a request for a socket is refused; empty: it may connect.

        Any site that a browser shows can open sockets to this machine, but cannot hide its origin.

        Args:
            path: of the request, "/" and the token.
            headers: of the request.
        """
        host = headers.get("Host", "")
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return "the page comes from another site"
        if self.token:
            given = path.partition("?")[0].strip("/")
            right = hmac.compare_digest(given.encode(), self.token.encode())
            return "" if right else "the address lacks the token"
        named = urlsplit(f"//{host}").hostname
        return "" if named in LOOPBACK_NAMES else "the address is not that of the loopback"


def access_for(settings: ViewerSettings) -> Access:
    """Rules for the interface of the settings: a token, unless it is the loopback without one."""
    if settings.is_loopback:
        return Access(settings.token)
    return Access(settings.token or secrets.token_urlsafe(16))


def page_url(host: str, port: int, access: Access) -> str:
    """Address to open in a browser; viser's page takes that of its socket from there."""
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}/"
    return f"{url}?websocket=ws://{shown}:{port}/{access.token}" if access.token else url
