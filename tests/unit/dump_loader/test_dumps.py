"""Which dump, which day, and whether it is backdated."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dump_loader.dumps import Request, find, run_of
from ingestion.errors import AccessDenied, BadName, NotFound, Terminal
from tests.fakes import client_error

KEY = "parking/liberator_dump_210604.zip"
ARRIVED = datetime(2021, 6, 4, 3, tzinfo=UTC)


@dataclass
class S3:
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuses: str = ""

    def head_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:  # noqa: N803
        if self.refuses:
            raise client_error(self.refuses)
        if Key not in self.objects:
            raise client_error("404")
        return {
            "ETag": '"e"',
            "ContentLength": 5,
            "LastModified": ARRIVED,
            **self.objects[Key],
            **({"VersionId": VersionId} if VersionId else {}),
        }


def request(**changes: Any) -> Request:
    usual = {
        "bucket": "data",
        "key": KEY,
        "version_id": None,
        "event_time": ARRIVED,
        "override": None,
        "window": timedelta(days=1),
    }
    return Request(**{**usual, **changes})


def found(s3: S3, **changes: Any) -> Any:
    return find(s3, request(**changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arrived", "window", "backdated"),
    [
        ("2021-06-04T00:00:00+00:00", 1, False),
        ("2021-06-05T23:59:59+00:00", 1, False),
        ("2021-06-06T00:00:00+00:00", 1, True),
        ("2021-06-06T00:30:00+01:00", 1, False),
        ("2021-06-05T00:00:00+00:00", 0, True),
        ("2021-06-01T00:00:00+00:00", 1, False),
    ],
)
def test_days_are_compared_in_utc(arrived: str, window: int, backdated: bool) -> None:
    run = run_of(request(event_time=datetime.fromisoformat(arrived), window=timedelta(days=window)))
    assert run is not None
    assert run.backdated is backdated


@pytest.mark.parametrize(
    ("of_event", "of_object", "expected"), [("v1", "v2", "v1"), (None, "v2", "v2"), (None, "null", None), (None, None, None)]
)
def test_the_version_is_pinned_and_part_of_the_correlation_id(
    of_event: str | None, of_object: str | None, expected: str | None
) -> None:
    dump = found(S3({KEY: {"VersionId": of_object} if of_object else {}}), version_id=of_event)
    assert dump.version_id == expected
    assert dump.correlation_id == f"s3://data/{KEY}" + (f"@{expected}" if expected else "")


def test_an_override_takes_the_newer_of_both_names() -> None:
    long = "parking/liberator_dump_20210604.zip"
    s3 = S3({KEY: {"LastModified": ARRIVED}, long: {"LastModified": ARRIVED + timedelta(seconds=1)}})
    dump = found(s3, override=" 2021-06-04 ")
    assert dump.key == long
    assert dump.run.backdated


def test_an_override_wins_over_a_key() -> None:
    assert found(S3({KEY: {}}), key="parking/liberator_dump_220101.zip", override="2021-06-04").key == KEY


@pytest.mark.parametrize(("arrived", "tomorrow"), [("2021-06-03T00:00", True), ("2021-06-02T23:59", False)])
@pytest.mark.parametrize("changes", [{}, {"override": "2021-06-04"}])
def test_a_day_later_than_tomorrow_is_refused(arrived: str, tomorrow: bool, changes: dict[str, str]) -> None:
    asked = changes | {"event_time": datetime.fromisoformat(arrived).replace(tzinfo=UTC)}
    if tomorrow:
        assert str(found(S3({KEY: {}}), **asked).run.import_date) == "2021-06-04"
    else:
        with pytest.raises(BadName, match="2021-06-04, later than tomorrow"):
            found(S3({KEY: {}}), **asked)
    told = run_of(request(**asked))
    assert told is not None, "the alert says which day"
    assert str(told.import_date) == "2021-06-04"


@pytest.mark.parametrize("override", ["", "2021-6-4", "210604", "2021-06-31", "2021-06-04T00:00", "٢٠٢١-٠٦-٠٤ "])
def test_an_override_that_is_no_date(override: str) -> None:
    with pytest.raises(BadName, match="yyyy-mm-dd"):
        found(S3(), override=override)
    assert run_of(request(override=override)) is None


def test_what_is_missing_or_denied_is_said() -> None:
    with pytest.raises(NotFound, match=r"s3://data/parking/liberator_dump_210604\.zip"):
        found(S3())
    with pytest.raises(NotFound, match=r"liberator_dump_210604\.zip nor .*liberator_dump_20210604\.zip"):
        found(S3(), override="2021-06-04")
    for changes in ({}, {"override": "2021-06-04"}):
        with pytest.raises(AccessDenied):
            found(S3(refuses="403"), **changes)
    with pytest.raises(Terminal, match="IMPORT_DATE_OVERRIDE"):
        found(S3(), key=None)
    with pytest.raises(BadName):
        found(S3(), key="parking/dump.zip")
