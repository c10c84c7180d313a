"""A real HTTPS server on this machine, under names of its own: what a vendor's would do, and all that it should not."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

from local.emulator.certificates import write_certificates

API, FILES = "api.dmap.test", "files.dmap.test"


@dataclass(frozen=True)
class Asked:
    """A request."""

    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer. `told` is the length that it claims, None for that of its body. After each byte there is a `pause`."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    told: int | None = None
    with_length: bool = True
    chunked: bool = False
    ends_chunks: bool = True
    pause: float = 0


@dataclass
class HttpsServer:
    """`answer` is a test's, and `date`, if any, the time that the server says it has; `asked` are the requests in order."""

    port: int
    tls: ssl.SSLContext
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[Asked], Reply] = lambda _: Reply(404)
    date: str | None = None

    @property
    def api(self) -> str:
        return f"{API}:{self.port}"

    @property
    def files(self) -> str:
        return f"{FILES}:{self.port}"

    def reset(self) -> None:
        self.asked.clear()
        self.date = None
        self.answer = lambda _: Reply(404)


@contextmanager
def serve() -> Iterator[HttpsServer]:
    """Runs the server in threads. `tls` trusts its authority and no other."""
    with TemporaryDirectory() as folder:
        write_certificates(Path(folder), "127.0.0.1", API, FILES)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(folder, "server.pem"), Path(folder, "server.key"))
        tls = ssl.create_default_context(cafile=Path(folder, "ca.pem"))
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    listener.daemon_threads = True
    listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
    server = HttpsServer(listener.server_address[1], tls)
    listener.ours = server  # type: ignore[attr-defined]
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: HttpsServer = self.server.ours  # type: ignore[attr-defined]
        url = urlsplit(self.path)
        asked = Asked(self.headers["Host"], url.path, dict(parse_qsl(url.query)), dict(self.headers))
        server.asked.append(asked)
        reply = server.answer(asked)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.with_length:
            self.send_header("Content-Length", str(len(reply.body) if reply.told is None else reply.told))
        self.send_header("Connection", "close")
        self.end_headers()
        with suppress(OSError):  # the client may have gone
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        if reply.chunked:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(reply.body), reply.body) if reply.body else b"")
            self.wfile.write(b"0\r\n\r\n" if reply.ends_chunks else b"")
        elif reply.pause:
            for byte in reply.body:
                self.wfile.write(bytes([byte]))
                time.sleep(reply.pause)
        else:
            self.wfile.write(reply.body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        server: HttpsServer = self.server.ours  # type: ignore[attr-defined]
        return server.date or super().date_time_string(timestamp)

    def log_message(self, *_: object) -> None:
        pass
