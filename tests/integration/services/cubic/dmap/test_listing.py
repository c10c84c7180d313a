"""The pages of a feed: all of them, or an error."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from pydantic import SecretStr, ValidationError

from cubic.dmap.https import Https, patiently
from cubic.dmap.listing import ApiSecret, Listing, list_datasets
from ingestion.errors import NotYet
from tests.dmap_vendor import KEY, Vendor
from tests.fakes import FakeClock
from tests.https_server import Asked, Reply
from tests.integration.services.cubic.dmap.test_feed import FEED, days


@pytest.fixture
def listed(https: Https, clock: FakeClock, vendor_api: Vendor) -> partial[Listing]:
    api = ApiSecret(base_url=f"https://{vendor_api.server.api}", api_key=SecretStr(KEY))
    ask = partial(patiently, clock=clock, seconds_left=lambda: 900)
    return partial(list_datasets, api, https, FEED, None, ask)


def test_each_page_begins_where_the_one_before_ended_however_few_it_had(
    vendor_api: Vendor, listed: partial[Listing]
) -> None:
    vendor_api.page = 2
    published = [vendor_api.publish(FEED, day) for day in days(5)]
    assert [dataset.dataset_id for dataset in listed().datasets] == [entry["dataset_id"] for entry in published]
    assert [asked.query["offset"] for asked in vendor_api.server.asked] == ["0", "2", "4", "5"]


NO_PAGES = [
    b"", b"<html>", b"[]", b"{}", b'{"success": false, "results": []}', b'{"success": true}',
    b'{"success": true, "results": null}', b'{"success": 1, "results": []}', b'{"success": true, "results": {}}',
    b'{"success": true, "results": []', b'{"success": true, "results": []} ]',
]  # fmt: skip


@pytest.mark.parametrize("page", [Reply(500), Reply(body=b"{", told=99), *(Reply(body=page) for page in NO_PAGES)])
def test_a_page_that_is_none_is_an_error_and_never_the_end(
    vendor_api: Vendor, listed: partial[Listing], page: Reply
) -> None:
    vendor_api.publish(FEED, days(1)[0])
    vendor_api.faults[FEED, 1] = [page] * 4
    with pytest.raises(NotYet, match=r"page|answered|broke"):
        listed()
    vendor_api.faults[FEED, 1] = [page] * 3
    assert len(listed().datasets) == 1


def test_an_api_that_gives_the_same_page_for_ever_is_an_error(vendor_api: Vendor, listed: partial[Listing]) -> None:
    vendor_api.publish(FEED, days(1)[0])

    def answer(asked: Asked) -> Reply:
        return vendor_api.answer(replace(asked, query=asked.query | {"offset": "0"}))

    vendor_api.server.answer = answer
    with pytest.raises(NotYet, match="once more"):
        listed()


def test_a_page_without_an_end_is_not_read_to_it(
    vendor_api: Vendor, listed: partial[Listing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cubic.dmap.listing.PAGE_BYTES", 10_000)
    vendor_api.server.answer = lambda _: Reply(body=b" " * 10_001)
    with pytest.raises(NotYet, match="more than 10000 bytes"):
        listed()


def test_a_feed_has_the_key_of_the_longest_beginning_of_its_address() -> None:
    keys = {"/controlled": SecretStr("c"), "/controlled/special/": SecretStr("s")}
    secret = ApiSecret(base_url="https://api", api_key=SecretStr("k"), api_keys=keys)
    asked = ("/public/agg", "/controlled/a", "controlled/b", "/controlled/special/c")
    assert [secret.key_of(address) for address in asked] == ["k", "c", "c", "s"]


@pytest.mark.parametrize("key", ["", "two\nlines", "k\u00e4y", "a b"])
def test_a_key_that_no_header_can_have_is_not_quoted(key: str) -> None:
    with pytest.raises(ValidationError) as raised:
        ApiSecret.model_validate({"base_url": "https://api", "api_key": key})
    assert not key or key not in str(raised.value)
