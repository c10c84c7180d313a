"""The entries of a feed's listing, and how far a feed has got."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from cubic.store.dmap import Publication

if TYPE_CHECKING:
    from collections.abc import Iterable


def _in_utc(time: datetime) -> datetime:
    """The API writes UTC without saying so."""
    if not 2000 <= time.year < 9999:
        raise ValueError("no year that data is of")
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


Time = Annotated[datetime, AfterValidator(_in_utc)]


class Dataset(BaseModel):
    """An entry as the API documents it; other fields are ignored. The dates are the first and the last of its days.

    `id` names the kind of data and becomes a folder in S3, `dataset_id` the one file of it.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]*[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
    dataset_id: Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
    url: Annotated[str, Field(min_length=1)]
    start_date: date
    end_date: date
    last_updated: Time

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end_date < self.start_date:
            raise ValueError("end_date is before start_date")
        return self

    @property
    def publication(self) -> Publication:
        return Publication(self.dataset_id, self.last_updated)

    @property
    def key(self) -> str:
        """In Incoming. A file of one day has that day's name alone."""
        days = sorted({f"{self.start_date:%Y%m%d}", f"{self.end_date:%Y%m%d}"})
        return f"cubic/dmap/{self.id}/{'-'.join(days)}.csv"


def watermark(done: Iterable[datetime], undone: Iterable[datetime | None], today: date) -> date | None:
    """The day up to which a feed is fetched; None where nothing can be said.

    It stops before the first that is undone, so that the next listing has it again. One without a time, None, may be the
    first of all. A time that is yet to come does not count, as everything until then would be skipped.
    """
    stops = list(undone)
    if None in stops:
        return None
    first = min((stop for stop in stops if stop), default=None)
    days = [time.date() for time in done if first is None or time < first]
    return min(max(days), today) if days else None
