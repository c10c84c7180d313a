"""An HTTPS server of the tests' own, and the client that may ask it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from pydantic import SecretStr

from cubic.dmap.addresses import public_address
from cubic.dmap.errors import Refused
from cubic.dmap.feed import Fetcher, fetch_feed
from cubic.dmap.https import Https
from cubic.dmap.listing import ApiSecret
from cubic.loads import Found
from cubic.store import configuration, registering
from cubic.store.database import Database
from cubic.tables import FeedConfig, TableConfig
from ingestion.clock import Clock
from tests.dmap_vendor import KEY, Vendor
from tests.fakes import FakeClock
from tests.https_server import API, FILES, HttpsServer, serve

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The names that the tests give to this machine, and some of a vendor who has been broken into.
ADDRESSES = {
    "inside.dmap.test": ["10.0.0.1"],
    "mapped.dmap.test": ["::ffff:10.0.0.1"],
    "metadata.dmap.test": ["93.184.215.14", "169.254.169.254"],
}


def resolve(host: str) -> str:
    """The server of the tests is on this machine, which is no public address; all else is checked as in production."""
    return "127.0.0.1" if host in (API, FILES) else public_address(host, lambda name: ADDRESSES.get(name, []))


@pytest.fixture(scope="session")
def https_server() -> Iterator[HttpsServer]:
    with serve() as running:
        yield running


@pytest.fixture
def vendor(https_server: HttpsServer) -> HttpsServer:
    https_server.reset()
    return https_server


@pytest.fixture
def make_https(vendor: HttpsServer) -> Callable[[Clock], Https]:
    hosts = frozenset({vendor.api, vendor.files, *ADDRESSES})
    return lambda clock: Https(hosts, clock, resolve, vendor.tls)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def https(make_https: Callable[[Clock], Https], clock: FakeClock) -> Https:
    return make_https(clock)


BUCKET = "incoming"


@dataclass
class Feeds:
    """One feed, `agg_sample`, and all that fetching it leaves in S3 and the database. `told` is what people hear."""

    db: Database
    s3: S3Client
    https: Https
    clock: FakeClock
    api: ApiSecret
    told: list[tuple[str, Refused]] = field(default_factory=list)

    def fetcher(self, **more: Any) -> Fetcher:
        return Fetcher(self.db, self.api, self.https, self.s3, BUCKET, self.clock, lambda *it: self.told.append(it), **more)

    def fetch(self, **more: Any) -> None:
        fetch_feed("agg_sample", self.fetcher(**more), lambda: 900)

    def set_active(self, *, active: bool) -> None:
        config = FeedConfig(name="agg_sample", relative_url="feeds/agg_sample", is_active=active)
        configuration.put_feed(self.db, config)

    def select(self, query: str) -> list[dict[str, Any]]:
        with self.db.transaction() as cursor:
            return list(cursor.execute(query))

    def rows(self) -> list[dict[str, Any]]:
        return self.select("SELECT * FROM cubic_dmap_datasets ORDER BY dataset_id, last_updated")

    def watermark(self) -> date | None:
        [row] = self.select("SELECT last_updated FROM cubic_dmap_feeds WHERE name = 'agg_sample'")
        watermark: date | None = row["last_updated"]
        return watermark

    def versions(self) -> dict[str, list[str]]:
        """The versions of each file of Incoming, the oldest first."""
        found = self.s3.list_object_versions(Bucket=BUCKET).get("Versions", [])
        versions: dict[str, list[str]] = {}
        for it in reversed(found):
            versions.setdefault(it["Key"], []).append(it["VersionId"])
        return versions

    def version(self, key: str) -> str:
        [version] = self.versions()[key]
        return version

    def files(self) -> dict[str, list[bytes]]:
        return {
            key: [self.s3.get_object(Bucket=BUCKET, Key=key, VersionId=it)["Body"].read() for it in versions]
            for key, versions in self.versions().items()
        }

    def uploads(self) -> list[Any]:
        """Those that are neither finished nor aborted."""
        return list(self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))

    def archive(self, key: str) -> None:
        """As register_load, and in the end move_load, do."""
        found = self.s3.head_object(Bucket=BUCKET, Key=key)
        configuration.put_table(self.db, TableConfig(s3_prefix=f"{key.rpartition('/')[0]}/"))
        file = Found(key, found["VersionId"], found["LastModified"], found["ContentLength"], found["ETag"])
        assert registering.register(self.db, file, self.clock.now())
        self.s3.delete_object(Bucket=BUCKET, Key=key, VersionId=found["VersionId"])

    def clear(self) -> None:
        for key, versions in self.versions().items():
            for version in versions:
                self.s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version)
        with self.db.transaction() as cursor:
            cursor.execute("DELETE FROM cubic_dmap_datasets")
            cursor.execute("UPDATE cubic_dmap_feeds SET last_updated = NULL")

    @staticmethod
    def sha256(body: bytes) -> str:
        return hashlib.sha256(body).hexdigest()


@pytest.fixture
def vendor_api(vendor: HttpsServer) -> Vendor:
    return Vendor(vendor)


@pytest.fixture
def incoming(aws: str) -> S3Client:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return s3


@pytest.fixture
def feeds(incoming: S3Client, database: Database, https: Https, clock: FakeClock, vendor: HttpsServer) -> Feeds:
    api = ApiSecret(base_url=f"https://{vendor.api}/", api_key=SecretStr(KEY))
    feeds = Feeds(database, incoming, https, clock, api)
    feeds.set_active(active=True)
    return feeds
