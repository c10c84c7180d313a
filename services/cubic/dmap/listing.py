"""Lists the datasets of a feed: every page, or an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_core import to_json

from cubic.dmap.dataset import Dataset, Time
from cubic.dmap.errors import TryAgain
from cubic.dmap.https import CHUNK, Https
from ingestion.aws_errors import explained
from ingestion.errors import UnreadableObject
from ingestion.messages import problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from mypy_boto3_secretsmanager import SecretsManagerClient

# The API gives at most 100, whatever it is asked for.
PAGE = 100
PAGE_BYTES = 32 * 1024**2  # ours: of 100 entries a page has some 50 kB
_TIME: TypeAdapter[datetime] = TypeAdapter(Time)


def _fits_a_header(key: SecretStr) -> SecretStr:
    """http.client refuses others, and quotes them in its error."""
    if not re.fullmatch("[!-~]+", key.get_secret_value()):
        raise ValueError("it has to be of printable ASCII characters")
    return key


type Key = Annotated[SecretStr, AfterValidator(_fits_a_header)]


class ApiSecret(BaseModel):
    """The secret's JSON. `api_keys` are those of feeds whose relative URL begins so, `api_key` that of all others."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    base_url: str
    api_key: Key
    api_keys: dict[str, Key] = {}
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "apikey"

    def key_of(self, relative_url: str) -> str:
        fitting = [prefix for prefix in self.api_keys if relative_url.lstrip("/").startswith(prefix.lstrip("/"))]
        key = self.api_keys[max(fitting, key=len)] if fitting else self.api_key
        return key.get_secret_value()


def api_secret(secrets: SecretsManagerClient, arn: str) -> ApiSecret:
    """Read anew for each feed, as the key may be another by now. Raises UnreadableObject, which quotes nothing of it."""
    with explained(f"reading the secret {arn}"):
        text = secrets.get_secret_value(SecretId=arn)["SecretString"]
    try:
        return ApiSecret.model_validate_json(text)
    except ValidationError as error:
        raise UnreadableObject(
            f"The secret {arn} is not as it must be: {problems(error)}. Put base_url and api_key into it, then redrive."
        ) from None


def _is_true(success: bool) -> bool:  # noqa: FBT001  pydantic calls it so
    if not success:
        raise ValueError("the API says that it failed")
    return success


class Page(BaseModel):
    """An answer of the API. Each of its entries is read by itself, so that one that is wrong hides no other."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)

    success: Annotated[bool, AfterValidator(_is_true)]
    results: list[Any]


@dataclass(frozen=True)
class Invalid:
    """An entry that is not as documented: its dataset's name and time as far as they can be read, and what is wrong."""

    dataset_id: str
    last_updated: datetime | None
    problem: str


@dataclass(frozen=True)
class Listing:
    """All that a feed has to offer."""

    datasets: list[Dataset]
    invalid: list[Invalid]


type Patiently = Callable[[Callable[[float], list[Any]]], list[Any]]


def list_datasets(api: ApiSecret, https: Https, relative_url: str, since: date | None, patiently: Patiently) -> Listing:
    """Asks for pages until one is empty. Raises as `patiently` does, Refused or Forbidden.

    `since` is a day; the API takes no time. A page may have fewer entries than asked for without being the last.
    """
    entries: list[Any] = []
    before: list[Any] = []
    url = f"{api.base_url.rstrip('/')}/{relative_url.lstrip('/')}"
    headers = {api.header: api.key_of(relative_url)}
    while True:
        asked = ({"last_updated": str(since)} if since else {}) | {"limit": PAGE, "offset": len(entries)}
        link = f"{url}?{urlencode(asked)}"
        page = patiently(partial(_page, https, link, headers, before))
        if not page:
            return _sorted_out(entries)
        entries += page
        before = page


def _page(https: Https, link: str, headers: dict[str, str], before: list[Any], seconds: float) -> list[Any]:
    with https.get(link, headers, seconds) as answer:
        where, body = f"{link.partition('?')[0]}, limit and offset {link.rpartition('offset=')[2]}", bytearray()
        while chunk := answer.read(CHUNK):
            body += chunk
            if len(body) > PAGE_BYTES:
                raise TryAgain(f"A page of {where} has more than {PAGE_BYTES} bytes")
    try:
        page = Page.model_validate_json(bytes(body))
    except ValidationError as error:
        raise TryAgain(f"A page of {where} is not as documented: {problems(error)}") from None
    if page.results and _without_links(page.results) == _without_links(before):
        raise TryAgain(f"A page of {where} is the one before once more, so that there would be no end")
    return page.results


def _without_links(entries: list[Any]) -> list[Any]:
    """A link is signed anew for each page."""
    return [entry | {"url": ""} if isinstance(entry, dict) else entry for entry in entries]


def _sorted_out(entries: list[Any]) -> Listing:
    listing = Listing([], [])
    for entry in entries:
        try:
            # By way of JSON, as pydantic reads dates strictly from nothing else.
            listing.datasets.append(Dataset.model_validate_json(to_json(entry)))
        except ValidationError as error:
            fields = entry if isinstance(entry, dict) else {}
            name = str(fields.get("dataset_id") or fields.get("id") or "of no name")[:200]
            listing.invalid.append(Invalid(name, _time(fields.get("last_updated")), problems(error)))
    return listing


def _time(value: object) -> datetime | None:
    try:
        return _TIME.validate_json(to_json(value), strict=True)
    except ValidationError:
        return None
