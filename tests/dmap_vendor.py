"""A vendor's API of datasets and its blob storage, behind the HTTPS server of the tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any

from tests.https_server import API, Asked, HttpsServer, Reply

KEY = "k3y-that-nobody-may-see"
SIGNATURE = "c2lnbmF0dXJl"


@dataclass
class Vendor:
    """`entries` are a feed's, by its relative URL. A link is good until `expire` is called; the next listing has new ones.

    `faults` are replies in place of a page, by feed and offset; `replies` such in place of a file. Each is given once, but
    `always` for good.
    """

    server: HttpsServer
    entries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)
    faults: dict[tuple[str, int], list[Reply]] = field(default_factory=dict)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    always: dict[str, Reply] = field(default_factory=dict)
    page: int = 100
    good_since: int = 0
    _links: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        self.server.answer = self.answer

    def publish(self, feed: str, day: date, body: bytes = b"", **changes: Any) -> dict[str, Any]:
        """Adds a day's dataset, or replaces that of the same day, as the last of its feed."""
        name = feed.rpartition("/")[2]
        identifier = f"{name}_{day:%Y%m%d}"
        path = f"/{identifier}.csv"
        self.bodies[path] = body or f"id,day\n1,{day}\n".encode()
        entry = {
            "id": name,
            "dataset_id": identifier,
            "url": f"https://{self.server.files}{path}",
            "start_date": str(day),
            "end_date": str(day),
            "last_updated": f"{day + timedelta(days=1)}T04:00:00.123456",
        } | changes
        kept = [it for it in self.entries.get(feed, []) if it.get("dataset_id") != identifier]
        self.entries[feed] = [*kept, {name: value for name, value in entry.items() if value is not ...}]
        return entry

    def expire(self) -> None:
        self.good_since = next(self._links)

    def asked_of_api(self) -> list[Asked]:
        return [asked for asked in self.server.asked if asked.host.startswith(API)]

    def answer(self, asked: Asked) -> Reply:
        return self._page(asked) if asked.host.startswith(API) else self._file(asked)

    def _page(self, asked: Asked) -> Reply:
        offset = int(asked.query["offset"])
        if asked.headers.get("apikey") != KEY:
            return Reply(401)
        if fault := self.faults.get((asked.path, offset)):
            return fault.pop(0)
        since, limit = asked.query.get("last_updated", ""), min(int(asked.query["limit"]), self.page)
        listed = [it for it in self.entries.get(asked.path, []) if str(it.get("last_updated", "9"))[:10] >= since]
        number = next(self._links)
        page = [self._linked(entry, number) for entry in listed[offset : offset + limit]]
        return Reply(body=json.dumps({"success": True, "results": page}).encode())

    def _linked(self, entry: dict[str, Any], number: int) -> dict[str, Any]:
        return entry | {"url": f"{entry['url']}?sig={SIGNATURE}&n={number}"} if "url" in entry else entry

    def _file(self, asked: Asked) -> Reply:
        if asked.path in self.always:
            return self.always[asked.path]
        if replies := self.replies.get(asked.path):
            return replies.pop(0)
        if asked.query["sig"] != SIGNATURE or int(asked.query["n"]) < self.good_since:
            return Reply(403, b"<Error><Code>AuthenticationFailed</Code></Error>")
        return Reply(body=self.bodies[asked.path])
