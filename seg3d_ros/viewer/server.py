"""Server of a page: viser behind our rules of access. The only file that knows viser's insides."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import socket
from typing import Any

from seg3d_ros.viewer.access import Access, access_for, page_url
from seg3d_ros.viewer.settings import ViewerSettings

log = logging.getLogger(__name__)

MAX_PAGES = 16  # open at once
_POLICY_VIOLATION = 1008  # code that closes a socket, RFC 6455


class PageServer:
    """A viser server that refuses strangers.

    Attributes:
        viser: the server, to be filled.
        url: address to open in a browser.
    """

    def __init__(self, settings: ViewerSettings, *, label: str) -> None:
        """Serve an empty page.

        Args:
            settings: interface, port and token.
            label: title of the page's panel, plain text.

        Raises:
            OSError: the port is taken, or the interface is not of this machine.
            ImportError: viser is not installed.
        """
        _check_free(settings.host, settings.port)
        access = access_for(settings)
        self.viser = _start(settings.host, settings.port, label)
        if settings.port not in (0, self.port):
            self.close()
            raise OSError(_taken(settings.port))
        _guard(self.viser, access)
        self.viser.gui.configure_theme(dark_mode=True, show_share_button=False, show_logo=False)
        self.url = page_url(_reachable(settings.host), self.port, access)

    @property
    def port(self) -> int:
        """Port of the page."""
        return int(self.viser.get_port())

    def close(self) -> None:
        """Take the page down and free its port."""
        self.viser.stop()


def _start(host: str, port: int, label: str) -> Any:
    try:
        import viser
    except ImportError as error:
        raise ImportError(
            "the viewer needs viser; install it with pip install 'seg3d_ros[viewer]'"
        ) from error
    logging.getLogger("websockets.server").addFilter(_is_of_a_page)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints an address without the token
        return viser.ViserServer(host, port, label=label, verbose=False)


def _is_of_a_page(record: logging.LogRecord) -> bool:
    """False for connections that browsers open ahead and never use.

    viser leaves them out as well, but from the first page on.
    """
    return record.msg != "opening handshake failed"


def _guard(server: Any, access: Access) -> None:
    """Check each page before it gets a message, and close viser's tunnel to the internet."""
    from viser import _messages

    sockets = server._websock_server

    async def check(connection: Any) -> None:
        page = sockets._live_connections[connection.client_id]
        reason = access.refusal(page.request.path, page.request.headers)
        if len(sockets._live_connections) > MAX_PAGES:
            reason = reason or f"{MAX_PAGES} pages are open already"
        if reason:
            log.warning("a page from %s is refused: %s", page.remote_address[0], reason)
            await page.close(_POLICY_VIOLATION, reason)

    for message in (_messages.ShareUrlRequest, _messages.ShareUrlDisconnect):
        sockets.unregister_handler(message)
    sockets._client_connect_cb.insert(0, check)
    sockets.disconnect_all_clients()  # those that came before the guard


def _check_free(host: str, port: int) -> None:
    """Try the port: viser itself would search on for a free one, a thousand times."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            reason = _taken(port) if error.errno == errno.EADDRINUSE else str(error)
            raise OSError(f"the viewer cannot serve on {host}: {reason}") from error


def _taken(port: int) -> str:
    return f"port {port} is taken; choose another one, or 0 for any"


def _reachable(host: str) -> str:
    """Name for a link: "all interfaces" is no address."""
    return socket.gethostname() if host in ("0.0.0.0", "::") else host
