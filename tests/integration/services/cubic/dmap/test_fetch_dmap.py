"""The function: feeds from the vendor's server to Incoming, on moto's AWS and a real database."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import boto3
import pytest

from cubic.dmap.https import Https
from cubic.functions import fetch_dmap
from cubic.functions.fetch_dmap import Settings, make_consumer
from cubic.store import configuration
from cubic.tables import FeedConfig
from tests.dmap_vendor import KEY, SIGNATURE, Vendor
from tests.events import EVENTS, bodies
from tests.https_server import Reply
from tests.integration.services.conftest import Stage
from tests.integration.services.cubic.dmap.conftest import BUCKET, Feeds

FEED, OTHER = "/feeds/agg_sample", "/feeds/agg_other"
UNUSED = {"DB_HOST": "", "DB_PORT": "1", "DB_NAME": "", "DB_SECRET_ARN": "", "DB_CA_BUNDLE": ""}
SCHEDULED = '{"kind": "FetchFeeds", "version": 1}'
BAD = sorted(path.stem for path in (EVENTS / "cubic_fetch_dmap").glob("bad_*.json"))


@dataclass
class Running:
    stage: Stage
    feeds: Feeds
    secret: str

    def night(self) -> list[str]:
        """The schedule's message, then those of the feeds. Ids of messages that SQS would deliver again."""
        assert self.stage.invoke(SCHEDULED) == []
        sent = [{name: value for name, value in it.items() if name != "delay"} for it in self.stage.queued()]
        return self.stage.invoke(*map(json.dumps, sent), seconds=900)


@pytest.fixture
def running(stage: Any, environment: dict[str, str], feeds: Feeds, https: Https, vendor_api: Vendor) -> Running:
    secret = json.dumps({"base_url": f"https://{vendor_api.server.api}", "api_key": KEY})
    arn = boto3.client("secretsmanager").create_secret(Name="dmap", SecretString=secret)["ARN"]
    own = {"INCOMING_BUCKET": BUCKET, "API_SECRET_ARN": arn, "API_HOSTS": "api.example,FILES.example:8443"}
    settings = Settings.model_validate(environment | UNUSED | own)
    assert settings.api_hosts == {"api.example", "files.example:8443"}
    made = stage(fetch_dmap)
    made.handler = make_consumer(settings, boto3.Session(), feeds.clock, feeds.db, https)
    return Running(made, feeds, arn)


def test_case_13_of_250_datasets_a_page_fails_and_six_are_wrong_and_none_is_passed_by(
    running: Running,
    vendor_api: Vendor,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    for noisy in ("botocore", "boto3", "s3transfer"):  # at that level they log what Secrets Manager answers
        caplog.set_level(logging.INFO, noisy)
    feed = [date(2021, 6, 1) - timedelta(days=n) for n in reversed(range(250))]
    for day in feed:
        vendor_api.publish(FEED, day)
    vendor_api.faults[FEED, 100] = [Reply(500)]
    missing = f"/agg_sample_{feed[100]:%Y%m%d}.csv"
    vendor_api.always[missing] = Reply(404, b"<html>Not here</html>")
    wrong = {
        120: f"http://{vendor_api.server.files}/a.csv",
        140: "https://inside.dmap.test/a.csv",
        141: "https://mapped.dmap.test/a.csv",
        142: "https://metadata.dmap.test/a.csv",
        160: ...,
    }
    for at, url in wrong.items():
        vendor_api.publish(FEED, feed[at], url=url)
    # as a corrected entry keeps its time, so does the wrong one: the feed stays in order
    vendor_api.entries[FEED].sort(key=lambda entry: str(entry["dataset_id"]))

    assert running.night() == []
    assert Counter(len(versions) for versions in running.feeds.versions().values()) == {1: 244}
    assert running.feeds.watermark() == feed[100], "the day on which the one before the first that is missing was updated"
    told = [event["reason"] for event in running.stage.told()]
    assert len(told) == 6
    for words in ("answered 404", "http://", "10.0.0.1", "::ffff:10.0.0.1", "169.254.169.254", "url: Field required"):
        assert sum(words in reason for reason in told) == (2 if words == "10.0.0.1" else 1), words
    assert (running.night(), running.stage.told()) == ([], []), "once a day"

    vendor_api.always.clear()
    for at in wrong:
        vendor_api.publish(FEED, feed[at])
    vendor_api.entries[FEED].sort(key=lambda entry: str(entry["dataset_id"]))
    assert running.night() == []
    assert Counter(len(versions) for versions in running.feeds.versions().values()) == {1: 250}
    assert [row["dataset_id"] for row in running.feeds.rows()] == [f"agg_sample_{day:%Y%m%d}" for day in feed]
    assert running.feeds.watermark() == date(2021, 6, 2)
    assert (running.stage.dead(), running.stage.told(), running.stage.queued()) == ([], [], [])

    said = caplog.text + "".join(capsys.readouterr()) + json.dumps(told)
    assert "Fetched" in said
    assert KEY not in said
    assert SIGNATURE not in said
    assert all(KEY not in str((asked.path, asked.query)) for asked in vendor_api.server.asked)


def test_a_feed_that_fails_stops_no_other_and_one_that_is_not_active_is_not_asked_for(
    running: Running, vendor_api: Vendor
) -> None:
    for name, active in (("agg_other", True), ("agg_gone", False)):
        relative_url = f"/feeds/{name}"
        configuration.put_feed(running.feeds.db, FeedConfig(name=name, relative_url=relative_url, is_active=active))
    vendor_api.publish(FEED, date(2021, 6, 1))
    vendor_api.publish(OTHER, date(2021, 6, 1))
    vendor_api.faults[OTHER, 0] = [Reply(404)]
    assert running.night() == []
    assert running.feeds.versions().keys() == {"cubic/dmap/agg_sample/20210601.csv"}
    [dead] = running.stage.dead()
    assert json.loads(dead["Body"])["feed"] == "agg_other"
    [told] = running.stage.told()
    assert (told["error"], told["run"]["import_date"]) == ("Refused", "2021-06-04")
    assert not any("agg_gone" in asked.path for asked in vendor_api.server.asked)
    assert running.stage.invoke(dead["Body"], seconds=900) == [], "a redrive, once the cause is gone"
    assert len(running.feeds.versions()) == 2


def test_a_wait_that_the_server_asks_for_is_the_messages(running: Running, vendor_api: Vendor) -> None:
    vendor_api.faults[FEED, 0] = [Reply(429, headers={"Retry-After": "850"})]
    assert running.night() == []
    [again] = running.stage.queued()
    assert (again["kind"], again["feed"], again["delay"], again["poll"]["attempt"]) == ("FetchFeed", "agg_sample", 850, 2)


@pytest.mark.parametrize(
    "secret",
    [
        "not json",
        "[]",
        json.dumps({"base_url": "https://api"}),
        json.dumps({"base_url": "https://api", "api_key": f"{KEY}\n"}),
    ],
)
def test_a_secret_that_is_wrong_reaches_the_dlq_and_a_person_without_a_word_of_it(
    running: Running, secret: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=running.secret, SecretString=secret)
    assert running.night() == []
    [dead] = running.stage.dead()
    assert dead["MessageAttributes"]["error"]["StringValue"] == "UnreadableObject"
    [told] = running.stage.told()
    assert running.secret in told["reason"]
    said = caplog.text + "".join(capsys.readouterr()) + json.dumps([dead, told])
    assert KEY not in said
    assert "not json" not in said


@pytest.mark.parametrize("case", BAD)
def test_a_bad_message_reaches_the_dlq_and_a_person(running: Running, case: str) -> None:
    [body] = bodies("cubic_fetch_dmap", case)
    assert running.stage.invoke(body) == []
    [dead], [told] = running.stage.dead(), running.stage.told()
    assert dead["Body"] == body
    assert (told["stage"], told["error"]) == ("fetch_dmap", "UnreadableMessage")


def test_an_unknown_feed_reaches_the_dlq_and_a_person(running: Running) -> None:
    [body] = bodies("cubic_fetch_dmap", "message_feed")
    assert running.stage.invoke(body.replace("agg_sample", "nobodys")) == []
    [told] = running.stage.told()
    assert (told["error"], "nobodys" in told["reason"]) == ("NotFound", True)


def test_the_messages_of_the_events_folder_do_as_those_that_are_sent(running: Running, vendor_api: Vendor) -> None:
    vendor_api.publish(FEED, date(2021, 6, 1))
    [scheduled], [one] = (bodies("cubic_fetch_dmap", case) for case in ("scheduled", "message_feed"))
    assert running.stage.invoke(scheduled) == []
    [sent] = running.stage.queued()
    assert sent == json.loads(one) | {"delay": 0, "poll": None}
    assert running.stage.invoke(one, seconds=900) == []
    assert len(running.feeds.versions()) == 1
