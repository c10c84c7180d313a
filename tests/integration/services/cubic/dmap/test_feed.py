"""Feeds from a real HTTPS server to S3 and PostgreSQL: each dataset once, none passed by."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from cubic.dmap import download
from cubic.dmap.errors import Forbidden, Refused
from cubic.dmap.feed import Fetcher, fetch_feed
from cubic.store.dmap import LEASE
from ingestion.errors import AccessDenied, NotFound, NotYet
from tests.dmap_vendor import Vendor
from tests.fakes import client_error
from tests.https_server import Reply
from tests.integration.services.cubic.dmap.conftest import BUCKET, Feeds

DAY = date(2021, 6, 1)  # the clock says 4 June
FEED = "/feeds/agg_sample"
KEY = "cubic/dmap/agg_sample/20210601.csv"
TWO_PARTS = b"a,b\n" * (download.PART // 4) + b"end"


def days(count: int) -> list[date]:
    return [DAY - timedelta(days=n) for n in range(count - 1, -1, -1)]


def test_a_dataset_becomes_a_file_of_incoming_named_for_its_days(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.publish(FEED, DAY, b"id,day\n1,x\n")
    vendor_api.publish(FEED, date(2021, 5, 31), gzip.compress(b"zipped\n"), start_date="2021-05-01")
    feeds.fetch()
    assert feeds.files() == {KEY: [b"id,day\n1,x\n"], "cubic/dmap/agg_sample/20210501-20210531.csv": [b"zipped\n"]}
    assert [(row["dataset_id"], row["s3_version"]) for row in feeds.rows()] == [
        ("agg_sample_20210531", feeds.version("cubic/dmap/agg_sample/20210501-20210531.csv")),
        ("agg_sample_20210601", feeds.version(KEY)),
    ]
    assert {row["sha256"] for row in feeds.rows()} == {feeds.sha256(body) for [body] in feeds.files().values()}


def test_what_is_fetched_is_not_fetched_again_and_the_next_listing_begins_a_day_before_the_last(
    vendor_api: Vendor, feeds: Feeds
) -> None:
    for day in days(3):
        vendor_api.publish(FEED, day)
    feeds.fetch()
    assert feeds.watermark() == date(2021, 6, 2)
    vendor_api.server.asked.clear()
    feeds.fetch()
    assert [asked.query for asked in vendor_api.server.asked] == [
        {"last_updated": "2021-06-01", "limit": "100", "offset": "0"},
        {"last_updated": "2021-06-01", "limit": "100", "offset": "2"},
    ]
    assert Counter(len(versions) for versions in feeds.files().values()) == {1: 3}


def test_a_dataset_that_is_published_again_is_another_version_of_its_file(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.publish(FEED, DAY, b"two rows")
    feeds.fetch()
    vendor_api.publish(FEED, DAY, b"three rows", last_updated="2021-06-03T04:00:00")
    feeds.fetch()
    assert feeds.files() == {KEY: [b"two rows", b"three rows"]}
    assert len(feeds.rows()) == 2


def test_a_link_that_is_too_old_is_listed_again(vendor_api: Vendor, feeds: Feeds) -> None:
    for day in days(3):
        vendor_api.publish(FEED, day)
    last = "/agg_sample_20210601.csv"
    vendor_api.replies[last] = [Reply(403)]
    feeds.fetch()
    assert len(feeds.files()) == 3
    assert len({asked.query["n"] for asked in vendor_api.server.asked if asked.path == last}) == 2
    assert feeds.told == []


def test_a_link_that_is_refused_though_it_is_new_is_told_to_a_person_and_tried_again_another_day(
    vendor_api: Vendor, feeds: Feeds
) -> None:
    for day in days(3):
        vendor_api.publish(FEED, day)
    path = "/agg_sample_20210531.csv"
    vendor_api.always[path] = Reply(403)
    feeds.fetch()
    assert len([asked for asked in vendor_api.server.asked if asked.path == path]) == 2
    [(subject, problem)] = feeds.told
    assert "agg_sample_20210531" in subject
    assert "answered 403" in str(problem)
    assert feeds.watermark() == date(2021, 5, 31), "before the refused one's 1 June"
    vendor_api.always.clear()
    feeds.clock.sleep(86400)
    feeds.fetch()
    assert len(feeds.files()) == 3
    assert feeds.watermark() == date(2021, 6, 2)


BROKEN = gzip.compress(b"a,b\n" * 100)
MD5 = {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}


@pytest.mark.parametrize(
    "reply",
    [Reply(500), Reply(429, headers={"Retry-After": "30"}), Reply(body=b"a,b", told=9), Reply(body=BROKEN[:-9]),
     Reply(body=BROKEN[:-8] + b"\0" * 8), Reply(body=b"a,b", headers=MD5), Reply(with_length=False, body=b"a,b")],
)  # fmt: skip
def test_a_file_that_comes_broken_is_asked_for_again_and_no_broken_one_is_ever_there(
    vendor_api: Vendor, feeds: Feeds, reply: Reply
) -> None:
    path = "/agg_sample_20210531.csv"
    for day in days(3):
        vendor_api.publish(FEED, day)
    vendor_api.replies[path] = [reply] * 3
    feeds.fetch()
    assert Counter(len(versions) for versions in feeds.files().values()) == {1: 3}
    assert feeds.clock.slept == (90 if reply.status == 429 else 1 + 2 + 4)
    assert feeds.uploads() == []


def test_while_a_file_stays_broken_the_message_waits_and_the_others_are_fetched(vendor_api: Vendor, feeds: Feeds) -> None:
    for day in days(3):
        vendor_api.publish(FEED, day)
    vendor_api.always["/agg_sample_20210531.csv"] = Reply(503, headers={"Retry-After": "1000"})
    with pytest.raises(
        NotYet, match=r"1 datasets of DMAP's feed agg_sample, agg_sample_20210531 among them: .* 503"
    ) as raised:
        feeds.fetch()
    assert raised.value.delay_seconds == 900
    assert len(feeds.files()) == 2
    assert (feeds.told, feeds.watermark()) == ([], date(2021, 5, 31))


def test_a_file_of_several_parts_is_whole(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.publish(FEED, DAY, gzip.compress(TWO_PARTS))
    feeds.fetch()
    assert feeds.files() == {KEY: [TWO_PARTS]}
    assert (feeds.uploads(), feeds.rows()[0]["sha256"]) == ([], feeds.sha256(TWO_PARTS))


def test_a_bomb_is_told_to_a_person_and_leaves_nothing(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.publish(FEED, DAY, gzip.compress(b"\0" * 30_000_000))
    feeds.fetch(size_limit=20_000_000)
    [(_, problem)] = feeds.told
    assert "more than 20000000 bytes" in str(problem)
    assert (feeds.files(), feeds.uploads(), feeds.rows()) == ({}, [], [])


def test_a_redirect_leads_nowhere(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.publish(FEED, DAY)
    target = "https://169.254.169.254/latest/meta-data/iam/security-credentials/"
    vendor_api.always["/agg_sample_20210601.csv"] = Reply(302, headers={"Location": target})
    feeds.fetch()
    [(_, problem)] = feeds.told
    assert "redirect" in str(problem)
    assert feeds.files() == {}


def test_a_dataset_without_a_time_may_be_the_oldest_so_nothing_is_passed_by(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.publish(FEED, DAY - timedelta(days=1))
    vendor_api.publish(FEED, DAY, last_updated=...)
    feeds.fetch()
    assert (len(feeds.files()), feeds.watermark()) == (1, None)
    [(_, problem)] = feeds.told
    assert "last_updated: Field required" in str(problem)


def test_a_time_that_is_yet_to_come_does_not_pass_by_all_until_then(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.publish(FEED, DAY, last_updated="2099-01-01T00:00:00")
    feeds.fetch()
    assert feeds.watermark() == date(2021, 6, 4)


def test_while_a_page_is_none_nothing_is_fetched_and_no_end_is_seen(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.page = 2
    for day in days(3):
        vendor_api.publish(FEED, day)
    vendor_api.faults[FEED, 2] = [Reply(500)] * 4
    with pytest.raises(NotYet, match="answered 500"):
        feeds.fetch()
    assert (feeds.files(), feeds.watermark()) == ({}, None)
    feeds.fetch()
    assert len(feeds.files()) == 3


@pytest.mark.parametrize(("status", "error"), [(401, Forbidden), (403, Forbidden), (404, Refused), (302, Refused)])
def test_a_feed_that_the_api_refuses_ends_with_the_reason(
    vendor_api: Vendor, feeds: Feeds, status: int, error: type[Exception]
) -> None:
    vendor_api.faults[FEED, 0] = [Reply(status)]
    with pytest.raises(error, match=f"answered {status}"):
        feeds.fetch()


def test_a_dataset_that_moves_up_between_two_pages_is_not_missed(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.page = 2
    for day in days(5):
        vendor_api.publish(FEED, day)
    page = vendor_api.server.answer

    def answer(asked: Any) -> Reply:
        if asked.query.get("offset") == "2" and not vendor_api.entries[FEED][-1]["last_updated"].startswith("2021-06-03"):
            vendor_api.publish(FEED, days(5)[0], b"again", last_updated="2021-06-03T01:00:00")
        return page(asked)

    vendor_api.server.answer = answer
    feeds.fetch()
    assert len(feeds.files()) == 5


def test_a_new_feed_is_asked_for_all_and_one_that_is_not_active_for_nothing(vendor_api: Vendor, feeds: Feeds) -> None:
    feeds.fetch()
    [asked] = vendor_api.server.asked
    assert "last_updated" not in asked.query
    feeds.set_active(active=False)
    feeds.fetch()
    assert len(vendor_api.server.asked) == 1
    with pytest.raises(NotFound, match="no DMAP feed nobodys"):
        fetch_feed("nobodys", feeds.fetcher(), lambda: 900)


def test_a_bucket_that_takes_nothing_ends_the_feed_with_the_reason(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.publish(FEED, DAY)

    def refuse(**_: Any) -> None:
        raise client_error("AccessDenied", "CreateMultipartUpload")

    feeds.s3.meta.events.register("before-call.s3.CreateMultipartUpload", refuse)
    with pytest.raises(AccessDenied, match=f"s3://{BUCKET}/{KEY}"):
        feeds.fetch()


def test_where_time_runs_short_each_invocation_gets_further(vendor_api: Vendor, feeds: Feeds) -> None:
    for day in days(5):
        vendor_api.publish(FEED, day)
    for there in (2, 4):
        left = iter([900.0] * 4)  # for two pages and two datasets
        with pytest.raises(NotYet) as raised:
            fetch_feed("agg_sample", feeds.fetcher(), lambda left=left: next(left, 0))
        assert raised.value.delay_seconds == 0
        assert len(feeds.files()) == there
    feeds.fetch()
    assert Counter(len(versions) for versions in feeds.files().values()) == {1: 5}


class Killed(BaseException):
    """The process ends here."""


class Steps:
    """Every call to S3 and every transaction, in order. The process ends at one of them, before its effect or after."""

    def __init__(self, kill_at: int = -1, *, after: bool = False) -> None:
        self.kill_at, self.after, self.seen = kill_at, after, 0
        self.dead = False

    @contextmanager
    def step(self) -> Iterator[None]:
        here = self.seen
        self.seen += 1
        if self.dead or (here == self.kill_at and not self.after):
            self.dead = True
            raise Killed
        yield
        if here == self.kill_at:
            self.dead = True
            raise Killed


class MortalDatabase:
    def __init__(self, database: Any, steps: Steps) -> None:
        self.database, self.steps = database, steps

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        with self.steps.step(), self.database.transaction() as cursor:
            yield cursor


class MortalS3:
    def __init__(self, s3: Any, steps: Steps) -> None:
        self.s3, self.steps = s3, steps

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            with self.steps.step():
                return getattr(self.s3, operation)(**request)

        return call


def mortal(to: Fetcher, steps: Steps) -> Fetcher:
    return replace(to, db=MortalDatabase(to.db, steps), s3=MortalS3(to.s3, steps))  # type: ignore[arg-type]


def test_killed_between_any_two_steps_each_dataset_is_there_once(vendor_api: Vendor, feeds: Feeds) -> None:
    wanted = [vendor_api.publish(FEED, day)["dataset_id"] for day in days(2)]
    fetch_feed("agg_sample", mortal(feeds.fetcher(), counted := Steps()), lambda: 900)
    assert counted.seen > 10
    # After one step is before the next, as nothing else has an effect.
    for at in range(counted.seen):
        feeds.clear()
        with pytest.raises(Killed):
            fetch_feed("agg_sample", mortal(feeds.fetcher(), Steps(at)), lambda: 900)
        feeds.clock.sleep(LEASE.total_seconds())
        feeds.fetch()
        assert [row["dataset_id"] for row in feeds.rows()] == wanted, at
        assert {row["s3_key"]: [row["s3_version"]] for row in feeds.rows()} == feeds.versions(), at
        assert feeds.watermark() == date(2021, 6, 2), at


def test_a_file_that_has_left_incoming_before_its_upload_was_recorded_is_not_doubled(
    vendor_api: Vendor, feeds: Feeds
) -> None:
    vendor_api.publish(FEED, DAY)
    to = feeds.fetcher()
    steps = Steps()

    class DiesAfterTheUpload(MortalS3):
        def __getattr__(self, operation: str) -> Callable[..., Any]:
            self.steps.kill_at = self.steps.seen if operation == "complete_multipart_upload" else -1
            return super().__getattr__(operation)

    steps.after = True
    with pytest.raises(Killed):
        fetch_feed("agg_sample", replace(to, s3=DiesAfterTheUpload(to.s3, steps)), lambda: 900)  # type: ignore[arg-type]
    version = feeds.version(KEY)
    feeds.archive(KEY)
    feeds.fetch()
    assert feeds.files() == {}
    assert [row["s3_version"] for row in feeds.rows()] == [version]


def test_of_two_invocations_at_once_one_uploads(vendor_api: Vendor, feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor_api.publish(FEED, DAY)
    to = feeds.fetcher()
    first = [True]

    class Slow(MortalS3):
        def __getattr__(self, operation: str) -> Callable[..., Any]:
            if operation == "upload_part" and first:
                first.clear()
                feeds.fetch()  # the other begins after it, and is faster
            return super().__getattr__(operation)

    with pytest.raises(NotYet, match="another invocation"):
        fetch_feed("agg_sample", replace(to, s3=Slow(to.s3, Steps())), lambda: 900)  # type: ignore[arg-type]
    assert len(feeds.files()[KEY]) == 1
    feeds.fetch()
    assert len(feeds.files()[KEY]) == 1
    assert feeds.uploads() == []


def test_an_upload_that_may_still_appear_is_waited_for(vendor_api: Vendor, feeds: Feeds) -> None:
    vendor_api.publish(FEED, DAY)
    to = feeds.fetcher()
    steps = Steps()

    class DiesBeforeTheUpload(MortalS3):
        def __getattr__(self, operation: str) -> Callable[..., Any]:
            self.steps.kill_at = self.steps.seen if operation == "complete_multipart_upload" else -1
            return super().__getattr__(operation)

    with pytest.raises(Killed):
        fetch_feed("agg_sample", replace(to, s3=DiesBeforeTheUpload(to.s3, steps)), lambda: 900)  # type: ignore[arg-type]
    with pytest.raises(NotYet, match="another invocation is uploading"):
        feeds.fetch()
    feeds.clock.sleep(LEASE.total_seconds())
    feeds.fetch()
    assert len(feeds.files()[KEY]) == 1
