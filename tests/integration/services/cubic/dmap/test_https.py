"""One GET, to a real server over TLS: who is asked, and what is made of each answer."""

from __future__ import annotations

import logging
import ssl
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cubic.dmap import download
from cubic.dmap.errors import Forbidden, Refused, TryAgain
from cubic.dmap.https import PAUSES, Https, patiently
from ingestion.clock import Clock, SystemClock
from ingestion.errors import NotYet
from tests.fakes import FakeClock
from tests.https_server import FILES, HttpsServer, Reply

SECRET = "sig=c2VjcmV0"


def file(https: Https, link: str, seconds: float = 60) -> bytes:
    with https.get(link, {}, seconds) as answer:
        return b"".join(download.parts(answer, 10_000))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_is_read_to_its_end_and_the_server_asked_by_its_name(
    https: Https, vendor: HttpsServer, chunked: bool
) -> None:
    vendor.answer = lambda _: Reply(body=b"a,b\n" * 1000, chunked=chunked)
    assert file(https, f"https://{vendor.files}/a%20b.csv?{SECRET}&x=%2F") == b"a,b\n" * 1000
    [asked] = vendor.asked
    assert (asked.host, asked.path) == (vendor.files, "/a%20b.csv")
    assert asked.query == {"sig": "c2VjcmV0", "x": "/"}


@pytest.mark.parametrize("reply", [Reply(body=b"a", with_length=False), Reply(body=b"a", chunked=True, ends_chunks=False),
                                   Reply(body=b"a,b\n", told=400)])  # fmt: skip
def test_a_body_that_may_be_or_is_cut_is_not_taken_for_whole(https: Https, vendor: HttpsServer, reply: Reply) -> None:
    vendor.answer = lambda _: reply
    with pytest.raises(TryAgain, match=r"broke|how long"):
        file(https, f"https://{vendor.files}/a.csv")


@pytest.mark.parametrize(
    ("status", "error"),
    [(201, Refused), (204, Refused), (206, Refused), (301, Refused), (307, Refused), (400, Refused), (401, Forbidden),
     (403, Forbidden), (404, Refused), (410, Refused), (408, TryAgain), (429, TryAgain), (500, TryAgain), (503, TryAgain)],
)  # fmt: skip
def test_nothing_but_a_200_is_a_file(https: Https, vendor: HttpsServer, status: int, error: type[Exception]) -> None:
    vendor.answer = lambda _: Reply(status, b"<html>")
    with pytest.raises(error, match=f"answered {status}") as raised:
        file(https, f"https://{vendor.files}/a.csv?{SECRET}")
    assert type(raised.value) is error
    assert SECRET not in str(raised.value)


def test_a_redirect_to_the_metadata_of_the_machine_is_not_followed(https: Https, vendor: HttpsServer) -> None:
    vendor.answer = lambda _: Reply(302, headers={"Location": "https://169.254.169.254/latest/meta-data/"})
    with pytest.raises(Refused, match="redirect"):
        file(https, f"https://{vendor.files}/a.csv")
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    "link",
    [
        "http://files.dmap.test/a.csv", "ftp://files.dmap.test/a.csv", "file:///etc/passwd", "//files.dmap.test/a", "a", "",
        "https://", "https:///a", "https://evil.test/a", "https://files.dmap.test/other-port", "https://169.254.169.254/a",
        "https://[::ffff:169.254.169.254]/a", "https://127.0.0.1/a", "https://inside.dmap.test@evil.test/a",
        "https://user@inside.dmap.test/a", "https://inside.dmap.test:80/a", "https://inside.dmap.test.evil.test/a",
        "https://inside.dmap.test:99999/a", "https://[/a",
    ],
)  # fmt: skip
def test_a_link_that_is_not_https_to_an_allowed_host_is_refused_unasked(
    https: Https, vendor: HttpsServer, link: str
) -> None:
    with pytest.raises(Refused, match=r"hosts that may be asked|not a URL"):
        file(https, link)
    assert vendor.asked == []


@pytest.mark.parametrize("host", ["inside.dmap.test", "mapped.dmap.test", "metadata.dmap.test", "METADATA.dmap.test"])
def test_an_allowed_host_with_a_private_address_is_refused(https: Https, host: str) -> None:
    with pytest.raises(Refused, match="not a public one"):
        file(https, f"https://{host}/a.csv")


def _nowhere(host: str) -> str:
    assert host == "inside.dmap.test"
    raise ZeroDivisionError


NOWHERE = Https(frozenset({"inside.dmap.test"}), FakeClock(), _nowhere)


@given(st.text() | st.text().map(lambda text: "https://inside.dmap.test/" + text) | st.text().map("https://".__add__))
def test_whatever_a_link_is_it_leads_to_no_other_host(link: str) -> None:
    with pytest.raises((Refused, ZeroDivisionError)):
        file(NOWHERE, link)


def test_a_server_without_the_hosts_certificate_is_not_believed(vendor: HttpsServer, clock: FakeClock) -> None:
    vendor.answer = lambda _: Reply(body=b"a")
    wrong_name = Https(frozenset({f"other.test:{vendor.port}"}), clock, lambda _: "127.0.0.1", vendor.tls)
    with pytest.raises(TryAgain, match=r"broke .SSL"):
        file(wrong_name, f"https://other.test:{vendor.port}/a")
    unknown_authority = Https(frozenset({vendor.files}), clock, lambda _: "127.0.0.1", ssl.create_default_context())
    with pytest.raises(TryAgain, match=r"broke .SSL"):
        file(unknown_authority, f"https://{vendor.files}/a")
    assert vendor.asked == []


def test_a_server_that_sends_a_byte_now_and_then_does_not_hold_up_the_others(
    make_https: Callable[[Clock], Https], vendor: HttpsServer
) -> None:
    vendor.answer = lambda _: Reply(body=b"a" * 1000, pause=0.02)
    with pytest.raises(NotYet, match="so slowly"):
        file(make_https(SystemClock()), f"https://{vendor.files}/a.csv", seconds=0.1)


def test_nothing_that_is_logged_has_the_links_signature_in_it(
    https: Https, vendor: HttpsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    replies = [Reply(body=b"a"), Reply(500), Reply(headers={"no header": "of HTTP"}), Reply(body=b"a", told=2)]
    vendor.answer = lambda _: replies.pop(0)
    link = f"https://{vendor.files}/a?{SECRET}"
    assert file(https, link) == b"a"
    for _ in range(3):
        with pytest.raises(TryAgain) as raised:
            file(https, link)
        assert SECRET not in "".join(traceback.format_exception(raised.value)) + caplog.text


def test_an_attempt_is_repeated_with_longer_and_longer_pauses(clock: FakeClock) -> None:
    calls: list[float] = []

    def attempt(_: float) -> None:
        calls.append(clock.slept)
        raise TryAgain("it broke")

    with pytest.raises(NotYet, match="it broke") as raised:
        patiently(attempt, clock, lambda: 900)
    assert calls == [0, PAUSES[0], sum(PAUSES[:2]), sum(PAUSES)]
    assert raised.value.delay_seconds is None


@pytest.mark.parametrize("value", ["7", format_datetime(datetime(2021, 6, 4, 10, 0, 7, tzinfo=UTC), usegmt=True)])
def test_a_server_that_asks_to_wait_is_asked_again_after_just_that(
    https: Https, vendor: HttpsServer, clock: FakeClock, value: str
) -> None:
    date = format_datetime(datetime(2021, 6, 4, 10, 0, tzinfo=UTC), usegmt=True)
    busy = [Reply(429, headers={"Retry-After": value}), Reply(body=b"a")]
    vendor.answer = lambda _: busy.pop(0)
    vendor.date = date
    assert patiently(lambda seconds: file(https, f"https://{vendor.files}/a", seconds), clock, lambda: 900) == b"a"
    assert clock.slept == 7


@pytest.mark.parametrize(("asked", "delay"), [("300", 300), ("86400", 900)])
def test_a_wait_that_outlasts_the_invocation_is_the_messages(
    https: Https, vendor: HttpsServer, clock: FakeClock, asked: str, delay: int
) -> None:
    vendor.answer = lambda _: Reply(503, headers={"Retry-After": asked})
    with pytest.raises(NotYet, match=f"{FILES} answered 503") as raised:
        patiently(lambda seconds: file(https, f"https://{vendor.files}/a", seconds), clock, lambda: 200)
    assert (raised.value.delay_seconds, clock.slept, len(vendor.asked)) == (delay, 0, 1)


def test_an_attempt_gets_no_more_time_than_the_invocation_has(clock: FakeClock) -> None:
    assert patiently(lambda seconds: seconds, clock, lambda: 100) == 40
    assert patiently(lambda seconds: seconds, clock, lambda: 900) == 300
    with pytest.raises(NotYet, match="time is up") as raised:
        patiently(lambda seconds: seconds, clock, lambda: 59)
    assert raised.value.delay_seconds == 0
