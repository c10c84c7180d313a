"""One GET over HTTPS, to a host that is allowed, at the address that was checked."""

from __future__ import annotations

import logging
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING

from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from cubic.dmap.addresses import public_address
from cubic.dmap.errors import Forbidden, Refused, TryAgain
from ingestion.errors import NotYet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3 import HTTPHeaderDict
    from urllib3.response import BaseHTTPResponse
    from urllib3.util import Url

    from ingestion.clock import Clock
    from ingestion.consumer import SecondsLeft

# Its warnings quote the URL of the request, whose query string is a secret.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

SILENCE_SECONDS = 30  # after which a connection counts as broken
PAUSES = (1.0, 2.0, 4.0)  # seconds between the attempts of one request
ANSWER_SECONDS = 300  # ours: a server that sends more slowly must not keep the others' files from being fetched
RESERVE_SECONDS = 60  # for ending an attempt that has begun, and putting the message back
LONGEST_DELAY = 900  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
CHUNK = 1024**2


@dataclass(frozen=True)
class Answer:
    """An answer with status 200. `read` gives up to so many bytes of its body, none at its end. Raises TryAgain, NotYet."""

    host: str
    headers: HTTPHeaderDict
    read: Callable[[int], bytes]


@dataclass(frozen=True)
class Https:
    """`hosts` are those that may be asked, `name` or, for another port than 443, `name:port`.

    `resolve` gives a host's address, having checked it.
    """

    hosts: frozenset[str]
    clock: Clock
    resolve: Callable[[str], str] = public_address
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    @contextmanager
    def get(self, link: str, headers: Mapping[str, str], seconds: float) -> Iterator[Answer]:
        """Asks once, without following redirects. Raises TryAgain, Refused or Forbidden for all but a 200 with a known end.

        The connection goes to the checked address, while the certificate has to be the host's. Reading raises NotYet once it
        has taken so many seconds.
        """
        began = self.clock.monotonic()
        url = self._allowed(link)
        host = str(url.host)
        connection = HTTPSConnection(
            self.resolve(host), url.port or 443, server_hostname=host, ssl_context=self.tls, timeout=SILENCE_SECONDS
        )
        try:
            with _told(host):
                asked = {"Host": url.netloc or host, "Accept-Encoding": "identity", **headers}
                connection.request("GET", url.request_uri, headers=asked, preload_content=False, decode_content=False)
                response = connection.getresponse()
            _check(host, response)

            def read(amount: int) -> bytes:
                if self.clock.monotonic() - began > seconds:
                    raise NotYet(f"{host} sends so slowly that it has not ended after {seconds:.0f} seconds")
                with _told(host):
                    return response.read1(amount)

            yield Answer(host, response.headers, read)
        finally:
            connection.close()

    def _allowed(self, link: str) -> Url:
        try:
            url = parse_url(link)
        except ValueError as error:
            raise Refused("The link is not a URL. Ask the vendor for another.") from error
        port = "" if url.port in (None, 443) else f":{url.port}"
        if url.scheme != "https" or url.auth or not url.host or url.host + port not in self.hosts:
            raise Refused(
                f"The link to {url.scheme}://{url.host}{port} is not https to one of the hosts that may be asked "
                f"({', '.join(sorted(self.hosts))}). If it is right, add the host to API_HOSTS."
            )
        return url


def patiently[T](attempt: Callable[[float], T], clock: Clock, seconds_left: SecondsLeft) -> T:
    """Makes the attempt, which may take so many seconds, up to four times, waiting longer each time or as the server asks.

    Raises NotYet after the last, or where the invocation's time is too short to wait for the next.
    """
    for pause in (*PAUSES, None):
        if (seconds := min(ANSWER_SECONDS, seconds_left() - RESERVE_SECONDS)) < 0:
            raise NotYet("the invocation's time is up", delay_seconds=0)
        try:
            return attempt(seconds)
        except TryAgain as error:
            wait = error.retry_after if error.retry_after is not None else pause
            if pause is None or wait is None or wait > seconds_left() - RESERVE_SECONDS:
                delay = None if error.retry_after is None else int(min(error.retry_after, LONGEST_DELAY))
                raise NotYet(str(error), delay_seconds=delay) from error
            clock.sleep(wait)
    raise AssertionError  # the last pause is None


@contextmanager
def _told(host: str) -> Iterator[None]:
    """Says in our words what broke a connection. The library's may have the request's URL in them."""
    try:
        yield
    except (HTTPError, HTTPException, OSError) as error:
        raise TryAgain(f"The connection to {host} broke ({type(error).__name__})") from None


def _check(host: str, response: BaseHTTPResponse) -> None:
    answered = f"{host} answered {response.status}"
    match response.status:
        case HTTPStatus.OK:
            # Without either, a connection that was cut looks like the end: https://www.rfc-editor.org/rfc/rfc9112#section-8
            if "Content-Length" not in response.headers and not getattr(response, "chunked", False):
                raise TryAgain(f"{host} does not say how long its answer is, so that none can be known to be whole")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            raise Forbidden(f"{answered}: it does not take this key, or the link is too old. Check both with the vendor.")
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.TOO_MANY_REQUESTS:
            raise TryAgain(answered, retry_after=_retry_after(response))
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise TryAgain(answered, retry_after=_retry_after(response))
        case status if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise Refused(f"{answered}, a redirect, and none is followed. Ask the vendor for the link that it leads to.")
        case _:
            raise Refused(f"{answered}. Ask the vendor for another link.")


def _retry_after(response: BaseHTTPResponse) -> float | None:
    """Seconds from a number or a date, counted from the server's own: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    text = response.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until, now = parsedate_to_datetime(text), parsedate_to_datetime(response.headers.get("Date", ""))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None
