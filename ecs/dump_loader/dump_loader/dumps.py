"""Find the dump to load, and its day: the upload's that started the task, or that of the day which a person names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ingestion.aws_errors import MISSING, error_code, explained
from ingestion.errors import BadName, NotFound, Terminal
from ingestion.messages import Run
from ingestion.s3_uri import correlation_id
from liberator.naming import dump_keys, import_date_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_AHEAD = timedelta(days=1)  # where the supplier is, the day may have begun already


@dataclass(frozen=True, slots=True)
class Dump:
    """One version of one object. It is pinned, so that a file uploaded meanwhile under the same name changes nothing.

    `size` is in bytes. `uploaded_at` is aware, to the second: S3's LastModified, which is when a multipart upload began. S3
    orders the versions of a key by it, too.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#distributedmpupload
    """

    bucket: str
    key: str
    version_id: str | None
    etag: str
    size: int
    uploaded_at: datetime
    run: Run

    @property
    def uri(self) -> str:
        return uri_of(self.bucket, self.key)

    @property
    def correlation_id(self) -> str:
        return correlation_id(self.uri, self.version_id)


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the environment's, before S3 is asked. `event_time` is when the upload's event came; it is aware."""

    bucket: str
    key: str | None
    version_id: str | None
    event_time: datetime
    override: str | None
    window: timedelta


def uri_of(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}"


def run_of(request: Request) -> Run | None:
    """Return the run as far as the request alone tells it, for an alert; None where its date can't be read."""
    try:
        if request.override is not None:
            return Run(import_date=_date(request.override), backdated=True)
        return _run_of_key(request, request.key) if request.key else None
    except Terminal:
        return None


def find(s3: S3Client, request: Request) -> Dump:
    """Find the dump to load. Raises BadName, NotFound, AccessDenied, or Terminal where neither key nor date is given."""
    if request.override is not None:
        day = _date(request.override)
        _refuse_future(request, day, f"IMPORT_DATE_OVERRIDE is {day}")
        return _of_day(s3, request.bucket, day)
    if request.key is None:
        raise Terminal(
            "Neither DUMP_KEY nor IMPORT_DATE_OVERRIDE is set, so there is nothing to load. "
            "Set IMPORT_DATE_OVERRIDE=yyyy-mm-dd to load the dump of that day."
        )
    run = _run_of_key(request, request.key)
    _refuse_future(request, run.import_date, f"{run.origin} is dated {run.import_date}")
    with explained(f"looking for the dump {uri_of(request.bucket, request.key)}"):
        version = {} if request.version_id is None else {"VersionId": request.version_id}
        head = s3.head_object(Bucket=request.bucket, Key=request.key, **version)  # type: ignore[arg-type]
    return _dump(request.bucket, request.key, head, run)


def _run_of_key(request: Request, key: str) -> Run:
    """Return the file's run: backdated if its day is longer ago than the window, seen from the (UTC) day of its arrival."""
    day = import_date_of(key)
    arrived = request.event_time.astimezone(UTC).date()
    return Run(import_date=day, backdated=day < arrived - request.window, origin=uri_of(request.bucket, key))


def _refuse_future(request: Request, day: date, found: str) -> None:
    """Raise BadName for a future day. It would be the newest one, and keep the alarm of its age quiet until it has come."""
    if day > request.event_time.astimezone(UTC).date() + _AHEAD:
        raise BadName(f"{found}, later than tomorrow, so it is not loaded. Upload the file under the name of its day.")


def _date(text: str) -> date:
    stripped = text.strip()
    try:
        day = datetime.strptime(stripped, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        day = None
    if day is None or len(stripped) != len("yyyy-mm-dd"):
        raise BadName(
            f"IMPORT_DATE_OVERRIDE is {text!r}, which is no date of the form yyyy-mm-dd, for example 2022-06-01. "
            "Run the task again with such a date."
        )
    return day


def _of_day(s3: S3Client, bucket: str, day: date) -> Dump:
    """Find the dump under either of the day's two names. If both exist, the later upload counts."""
    keys = dump_keys(day)
    found = [(key, head) for key in keys if (head := _head(s3, bucket, key))]
    if not found:
        raise NotFound(
            f"There is no dump of {day}: neither {uri_of(bucket, keys[0])} nor {uri_of(bucket, keys[1])} exists. "
            "Upload it under one of these names: that loads it."
        )
    key, head = max(found, key=lambda f: f[1]["LastModified"])
    return _dump(bucket, key, head, Run(import_date=day, backdated=True, origin=uri_of(bucket, key)))


def _head(s3: S3Client, bucket: str, key: str) -> HeadObjectOutputTypeDef | None:
    with explained(f"looking for the dump {uri_of(bucket, key)}"):
        try:
            return s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) in MISSING:
                return None
            raise


def _dump(bucket: str, key: str, head: HeadObjectOutputTypeDef, run: Run) -> Dump:
    version = head.get("VersionId")
    return Dump(
        bucket=bucket,
        key=key,
        version_id=None if version == "null" else version,
        etag=head["ETag"],
        size=head["ContentLength"],
        uploaded_at=head["LastModified"],
        run=run,
    )
