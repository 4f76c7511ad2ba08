from __future__ import annotations

import logging
import socket

import pytest

from seg3d_ros.viewer.access import Access, access_for, page_url
from seg3d_ros.viewer.settings import ViewerSettings

TOKEN = "a-token-of-some-length"
HERE = {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"}


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        (HERE, ""),
        ({"Host": "localhost:9000", "Origin": "http://localhost:9000"}, ""),  # ssh -L 9000:...
        ({"Host": "[::1]:8080", "Origin": "http://[::1]:8080"}, ""),
        ({"Host": "127.0.0.1:8080"}, ""),  # a program, no browser
        ({"Host": "127.0.0.1:8080", "Origin": "https://evil.example"}, "another site"),
        ({"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:9999"}, "another site"),
        ({"Host": "127.0.0.1:8080", "Origin": "null"}, "another site"),
        ({"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}, "loopback"),
        ({}, "loopback"),
    ],
)
def test_without_a_token_only_pages_of_the_loopback_may_connect(headers, refused):
    assert refused in Access().refusal("/", headers)
    assert bool(Access().refusal("/", headers)) == bool(refused)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (f"/{TOKEN}", True), (f"/{TOKEN}/", True), ("/", False), (f"/{TOKEN[:-1]}", False),
        (f"/{TOKEN}x", False), ("/ü", False), (f"/?token={TOKEN}", False),
    ],
)  # fmt: skip
def test_with_a_token_the_path_must_be_it(path, allowed):
    headers = {"Host": "robot:8080", "Origin": "http://robot:8080"}
    assert (Access(TOKEN).refusal(path, headers) == "") == allowed
    assert "another site" in Access(TOKEN).refusal(f"/{TOKEN}", headers | {"Origin": "http://x"})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.7"])
def test_the_loopback_needs_no_token(host):
    assert access_for(ViewerSettings(host=host)).token == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "robot.local"])
def test_any_other_interface_gets_one(host):
    first, second = (access_for(ViewerSettings(host=host)).token for _ in range(2))
    assert len(first) >= 20
    assert first != second
    assert access_for(ViewerSettings(host=host, token=TOKEN)).token == TOKEN


def test_the_address_holds_the_token():
    assert page_url("127.0.0.1", 80, Access()) == "http://127.0.0.1:80/"
    url = page_url("robot", 8080, Access(TOKEN))
    assert url == f"http://robot:8080/?websocket=ws://robot:8080/{TOKEN}"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"token": "short"}, "5 characters"), ({"token": "<script>alert(1)</script>"}, "letters"),
        ({"port": 70_000}, "port"), ({"host": ""}, "host"), ({"max_rate": 0.0}, "max_rate"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_named(values, said):
    with pytest.raises(ValueError, match=said):
        ViewerSettings(**values)


def connect(port, path="/", **headers):
    """Code that a socket of a page is closed with; None: it gets messages."""
    viser = pytest.importorskip("viser")
    client = pytest.importorskip("websockets.sync.client")
    from websockets.exceptions import ConnectionClosed

    options = {"subprotocols": [f"viser-v{viser.__version__}"], "compression": None}
    if "origin" in headers:
        options["origin"] = headers.pop("origin")
    url = f"ws://127.0.0.1:{port}{path}"
    with client.connect(url, additional_headers=headers, max_size=None, **options) as page:
        try:
            page.recv(timeout=20)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
    return None


@pytest.fixture
def serve():
    pytest.importorskip("viser", reason="the viewer needs viser: pip install .[viewer]")
    from seg3d_ros.viewer.server import PageServer

    servers = []

    def start(**settings):
        servers.append(PageServer(ViewerSettings(port=0, **settings), label="test"))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def test_the_server_closes_the_socket_of_a_stranger(serve):
    port = serve().port
    assert connect(port, origin=f"http://127.0.0.1:{port}") is None
    assert connect(port, origin="https://evil.example") == 1008


def test_the_server_asks_for_the_token(serve):
    port = serve(token=TOKEN).port
    assert connect(port, f"/{TOKEN}") is None
    assert connect(port) == 1008
    assert connect(port, "/a-token-of-some-lengtx") == 1008


def test_pages_cannot_ask_for_a_tunnel_to_the_internet(serve):
    from viser import _messages

    handlers = serve().viser._websock_server._incoming_handlers
    assert _messages.ShareUrlRequest not in handlers
    assert _messages.ShareUrlDisconnect not in handlers


def test_a_taken_port_is_named(serve):
    from seg3d_ros.viewer.server import PageServer

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} is taken"):
            PageServer(ViewerSettings(port=port), label="test")


def test_a_closed_server_frees_its_port(serve):
    server = serve()
    server.close()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def test_a_connection_that_a_browser_opens_and_never_uses_is_no_error(serve, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("websockets.server"), "filters", [])  # as in a new node
    port = serve().port
    with socket.create_connection(("127.0.0.1", port), timeout=20) as spare:
        spare.shutdown(socket.SHUT_WR)
        while spare.recv(4096):
            pass  # until the server has closed it, too
    assert connect(port) is None
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
