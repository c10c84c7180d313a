"""The S3 calls that copying needs, answered after a fixed latency, by one asyncio process that keeps sizes and ETags only.

    python -m bench.s3_server    # prints its port, serves 127.0.0.1 until it is ended

Any number of requests wait at once, so that what is measured is the client. A request costs this process 0.1 to 0.2 ms of
CPU (measured by its utime and stime, on the machine of the benchmark), which may be of a core that the client wants, too.
It looks at no signature, condition or checksum, and moves no bytes: on S3, a larger copy takes longer. Of S3's limits it has
that of a copy's size.

`POST /_setup` with {"buckets": {bucket: {key: bytes}}, "latency": seconds, "slow_down": share of requests answered 503}
starts anew. `GET /_seen` is {"buckets": as above, "requests": {kind: number}, "first": , "last": }: when the first request
came and when the last answer went, in seconds of the monotonic clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

COPY_LIMIT = 5 * 1024**3  # bytes, https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MODIFIED = "2021-06-04T03:00:00.000Z"
HTTP_DATE = "Fri, 04 Jun 2021 03:00:00 GMT"
PHRASES = {200: "OK", 204: "No Content", 400: "Bad Request", 404: "Not Found", 501: "Not Implemented", 503: "Slow Down"}


class Request(NamedTuple):
    """The bucket and key of its path, still encoded, its query, its headers in lower case, and its body."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    status: int = 200
    body: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012 (never changed)


type Write = Callable[[Request, Reply], None]


@dataclass
class S3:
    """`buckets` is bucket → key → size in bytes; `uploads` is upload id → part number → size."""

    buckets: dict[str, dict[str, int]] = field(default_factory=dict)
    latency: float = 0.0
    slow_down: float = 0.0
    uploads: dict[str, dict[int, int]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    first: float | None = None
    last: float | None = None

    def __post_init__(self) -> None:
        self._chance = random.Random(1)  # noqa: S311 (the same share falls on the same requests each time)

    def answer(self, request: Request) -> Reply:
        bucket, _, key = unquote(request.path).lstrip("/").partition("/")
        asked = {request.method, *request.query, *request.headers, *(["key"] if key else [])}
        kind, do = next((kind, do) for needed, kind, do in ROUTES if needed <= asked)
        if self.slow_down and self._chance.random() < self.slow_down:
            kind, do = "SlowDown", _slow_down
        self.requests[kind] += 1
        return do(self, request, self.buckets.setdefault(bucket, {}), key)

    def copy_object(self, request: Request, objects: dict[str, int], key: str) -> Reply:
        size = self._source(request)
        if size is None or size > COPY_LIMIT:
            return _refused(size)
        objects[key] = size
        return Reply(body=_xml("CopyObjectResult", _stamp(key, size)))

    def upload_part_copy(self, request: Request, _objects: dict[str, int], key: str) -> Reply:
        size = self._source(request)
        if size is not None and (span := request.headers.get("x-amz-copy-source-range")):
            first, last = map(int, span.removeprefix("bytes=").split("-"))
            size = last - first + 1
        if size is None or size > COPY_LIMIT:
            return _refused(size)
        self.uploads[request.query["uploadId"]][int(request.query["partNumber"])] = size
        return Reply(body=_xml("CopyPartResult", _stamp(key, size)))

    def create_multipart_upload(self, _request: Request, _objects: dict[str, int], key: str) -> Reply:
        self.uploads[upload := f"upload-{len(self.uploads)}"] = {}
        return Reply(body=_xml("InitiateMultipartUploadResult", UploadId=upload, Key=key))

    def complete_multipart_upload(self, request: Request, objects: dict[str, int], key: str) -> Reply:
        objects[key] = sum(self.uploads[request.query["uploadId"]].values())
        return Reply(body=_xml("CompleteMultipartUploadResult", Key=key, ETag=_etag(key, objects[key])))

    def abort_multipart_upload(self, request: Request, _objects: dict[str, int], _key: str) -> Reply:
        self.uploads[request.query["uploadId"]].clear()
        return Reply(204)

    def object(self, request: Request, objects: dict[str, int], key: str) -> Reply:
        if key not in objects:
            return _refused(None)
        headers = {"ETag": _etag(key, objects[key]), "Last-Modified": HTTP_DATE, "Content-Length": str(objects[key])}
        return Reply(body="x" * objects[key] if request.method == "GET" else "", headers=headers)

    def put_object(self, request: Request, objects: dict[str, int], key: str) -> Reply:
        objects[key] = len(request.body)
        return Reply(headers={"ETag": _etag(key, objects[key])})

    def delete_objects(self, request: Request, objects: dict[str, int], _key: str) -> Reply:
        for key in re.findall(r"<Key>(.*?)</Key>", request.body.decode()):
            objects.pop(key, None)
        return Reply(body=_xml("DeleteResult"))

    def list_objects_v2(self, request: Request, objects: dict[str, int], _key: str) -> Reply:
        query = request.query
        after = query.get("continuation-token", "")
        keys = sorted(key for key in objects if key.startswith(query.get("prefix", "")) and key > after)
        page, encode = keys[:1000], quote if query.get("encoding-type") == "url" else escape
        contents = "".join(
            f"<Contents><Key>{encode(k)}</Key><Size>{objects[k]}</Size><StorageClass>STANDARD</StorageClass>"
            f"{_stamp(k, objects[k])}</Contents>"
            for k in page
        )
        tags = {"IsTruncated": "true" if len(keys) > len(page) else "false", "KeyCount": str(len(page))}
        if len(keys) > len(page):
            tags["NextContinuationToken"] = page[-1]
        if "encoding-type" in query:
            tags["EncodingType"] = "url"
        return Reply(body=_xml("ListBucketResult", contents, **tags))

    def _source(self, request: Request) -> int | None:
        bucket, _, key = unquote(request.headers["x-amz-copy-source"]).lstrip("/").partition("/")
        return self.buckets.get(bucket, {}).get(key)


# The request's parts (its method, names of its query and headers, whether it has a key), its operation, and who answers it.
# The first that fits: the more a request is told by, the further up it is.
ROUTES: tuple[tuple[set[str], str, Callable[[S3, Request, dict[str, int], str], Reply]], ...] = (
    ({"PUT", "key", "uploadId", "x-amz-copy-source"}, "UploadPartCopy", S3.upload_part_copy),
    ({"PUT", "key", "x-amz-copy-source"}, "CopyObject", S3.copy_object),
    ({"PUT", "key"}, "PutObject", S3.put_object),
    ({"POST", "key", "uploads"}, "CreateMultipartUpload", S3.create_multipart_upload),
    ({"POST", "key", "uploadId"}, "CompleteMultipartUpload", S3.complete_multipart_upload),
    ({"DELETE", "key", "uploadId"}, "AbortMultipartUpload", S3.abort_multipart_upload),
    ({"POST", "delete"}, "DeleteObjects", S3.delete_objects),
    ({"GET", "key"}, "GetObject", S3.object),
    ({"HEAD", "key"}, "HeadObject", S3.object),
    ({"GET", "list-type"}, "ListObjectsV2", S3.list_objects_v2),
    ({"HEAD"}, "HeadBucket", lambda *_: Reply()),
    (set(), "unknown", lambda *_: _error(501, "NotImplemented", "The stand-in for S3 does not know this request.")),
)


def _slow_down(*_: object) -> Reply:
    return _error(503, "SlowDown", "Please reduce your request rate.")


def _refused(size: int | None) -> Reply:
    """A copy source that is not there, or is too large."""
    if size is None:
        return _error(404, "NoSuchKey", "The specified key does not exist.")
    message = "The specified copy source is larger than the maximum allowable size for a copy source: "
    return _error(400, "InvalidRequest", f"{message}{COPY_LIMIT}")


def _etag(key: str, size: int) -> str:
    return f'"{hashlib.md5(f"{key} {size}".encode(), usedforsecurity=False).hexdigest()}"'


def _stamp(key: str, size: int) -> str:
    return f"<ETag>{escape(_etag(key, size))}</ETag><LastModified>{MODIFIED}</LastModified>"


def _xml(name: str, inner: str = "", **tags: str) -> str:
    inner += "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in tags.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}>{inner}</{name}>'


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, _xml("Error", Code=code, Message=message))


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive. Clients of S3 send the next request when they have the answer, so one waits at most."""

    def __init__(self, server: Server) -> None:
        self._server, self._buffer = server, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if headers.get("expect") == "100-continue" and not body and length:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if len(body) < length:
            return
        self._buffer = body[length:]
        method, target, _ = first.split(" ")
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._server.handle(Request(method, parts.path, query, headers, body[:length]), self._write)

    def _write(self, request: Request, reply: Reply) -> None:
        body = reply.body.encode()
        headers = {"Content-Length": str(len(body)), "x-amz-request-id": "1", **reply.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {reply.status} {PHRASES[reply.status]}\r\n{lines}\r\n".encode()
        if not self._transport.is_closing():
            self._transport.write(head if request.method == "HEAD" else head + body)


class Server:
    """Carries a request to S3, and its reply back when the latency is over."""

    def __init__(self) -> None:
        self.s3, self._loop = S3(), asyncio.get_running_loop()

    def handle(self, request: Request, write: Write) -> None:
        if request.path == "/_setup":
            self.s3 = S3(**json.loads(request.body))
            write(request, Reply())
        elif request.path == "/_seen":
            seen = {name: getattr(self.s3, name) for name in ("buckets", "requests", "first", "last")}
            write(request, Reply(body=json.dumps(seen)))
        else:
            self.s3.first = self.s3.first or time.monotonic()
            self._loop.call_later(self.s3.latency, self._answer, self.s3, request, write)

    @staticmethod
    def _answer(s3: S3, request: Request, write: Write) -> None:
        write(request, s3.answer(request))
        s3.last = time.monotonic()


async def main() -> None:
    server = Server()
    listener = await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{listener.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
