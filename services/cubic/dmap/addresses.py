"""The addresses that a host may have: those of the internet, never one of our own network or of the machine itself."""

from __future__ import annotations

import socket
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

from cubic.dmap.errors import Refused, TryAgain

if TYPE_CHECKING:
    from collections.abc import Callable

    type Lookup = Callable[[str], list[str]]


def lookup(host: str) -> list[str]:
    """The IPv4 addresses that DNS gives. IPv6 can wrap an IPv4 address in several ways, and nobody here needs it."""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TryAgain(f"The name {host} cannot be resolved ({error})") from error
    return [str(address[0]) for *_, address in found]


def public_address(host: str, lookup: Lookup = lookup) -> str:
    """The address to connect to. Raises Refused where any of the host's is not a public one, TryAgain where it has none.

    The caller connects to exactly this address. Asked a second time, DNS might answer with another.
    """
    addresses = lookup(host)
    for address in addresses:
        if not _is_public(address):
            raise Refused(f"{host} has the address {address}, which is not a public one. Ask the vendor for another link.")
    if not addresses:
        raise TryAgain(f"The name {host} has no IPv4 address")
    return addresses[0]


def _is_public(address: str) -> bool:
    try:
        found = IPv4Address(address)
    except AddressValueError:
        return False
    return found.is_global and not found.is_multicast
