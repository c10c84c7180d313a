"""S3 with one object, read by ranges, in a process of its own: moto would be what is measured.

    python -m bench.one_object FILE     prints its address, and serves until it is killed

Knows what the loader asks of S3: HEAD, GET with a range, and PUT, whose body it throws away.
"""

from __future__ import annotations

import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    path_served: Path

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(200, self.path_served.stat().st_size)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(200, 0)

    def do_GET(self) -> None:
        first, last = (int(number) for number in re.findall(r"\d+", self.headers["Range"]))
        with self.path_served.open("rb") as file:
            last = min(last, os.fstat(file.fileno()).st_size - 1)
            self._answer(206, last - first + 1)
            self.wfile.flush()
            while first <= last:
                first += os.sendfile(self.connection.fileno(), file.fileno(), first, last - first + 1)

    def _answer(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("ETag", '"0"')
        self.send_header("Last-Modified", "Fri, 04 Jun 2021 03:00:00 GMT")
        self.send_header("Content-Length", str(length))
        self.end_headers()


def main() -> None:
    _Handler.path_served = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
