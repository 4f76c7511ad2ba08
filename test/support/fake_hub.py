"""A server that answers as the Hugging Face hub does for one file; real HTTP, real client."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """Files of the server, and the requests it had.

    Attributes:
        path: "owner/name/file".
        content: of the file.
        stop_after: bytes of the next answer, before the connection breaks; None: all.
        etag: checksum it claims; the true one if empty.
        ranges: Range headers of the downloads so far.
        revisions: asked for.
    """

    path: str
    content: bytes
    stop_after: int | None = None
    etag: str = ""
    ranges: list[str | None] = field(default_factory=list)
    revisions: set[str] = field(default_factory=set)
    url: str = ""


@contextmanager
def fake_hub(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve it at `hub.url` while the body runs."""
    owner, name, file = hub.path.split("/", 2)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, *, with_body: bool) -> None:
            if not self.path.startswith(f"/{owner}/{name}/resolve/") or file not in self.path:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            hub.revisions.add(self.path.split("/resolve/")[1].split("/")[0])
            wanted = self.headers.get("Range")
            start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
            body = hub.content[start:]
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(body)))
            if wanted:
                last = len(hub.content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(hub.content)}")
            self.send_header("X-Repo-Commit", COMMIT)
            digest = hub.etag or hashlib.sha256(hub.content).hexdigest()
            self.send_header("ETag", f'"{digest}"')
            self.end_headers()
            if not with_body:
                return
            hub.ranges.append(wanted)
            self.wfile.write(body[: hub.stop_after])
            if hub.stop_after is not None:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
