"""Which addresses a host may have."""

import pytest

from cubic.dmap.addresses import lookup, public_address
from cubic.dmap.errors import Refused, TryAgain


def test_a_host_of_the_internet_is_asked_at_the_address_that_was_checked() -> None:
    assert public_address("files.example", lambda _: ["93.184.215.14", "1.1.1.1"]) == "93.184.215.14"


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "169.254.170.2", "0.0.0.0", "100.64.0.1",  # noqa: S104
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "fd00:ec2::254", "fe80::1", "::ffff:169.254.169.254",
        "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "2606:4700::1111", "localhost", "",
    ],
)  # fmt: skip
def test_a_host_of_a_private_network_or_of_the_machine_is_refused(address: str) -> None:
    with pytest.raises(Refused, match="not a public one"):
        public_address("files.example", lambda _: [address])
    with pytest.raises(Refused, match="not a public one"):
        public_address("files.example", lambda _: ["93.184.215.14", address])


def test_a_host_without_an_address_may_have_one_later() -> None:
    with pytest.raises(TryAgain, match="no IPv4 address"):
        public_address("files.example", lambda _: [])


def test_the_machine_resolves_names_to_ipv4_only_and_a_number_in_disguise_is_refused() -> None:
    assert lookup("127.0.0.1") == ["127.0.0.1"]
    for host in ("::ffff:10.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost", "a..b", "x" * 64):
        with pytest.raises((Refused, TryAgain)):
            public_address(host)
