"""Whose request it is, behind proxies."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.edge.domain.clients import client_address

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        # Without a proxy between, what the client says of itself is nothing.
        ("192.0.2.1", ["10.0.0.1"], "192.0.2.1"),
        ("192.0.2.1", [], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["203.0.113.9, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["203.0.113.9", "192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["192.0.2.7:4711"], "192.0.2.7"),
        ("10.0.0.1", ["[2001:db9::1]:4711"], "2001:db9::1"),
        ("2001:db8::1", ["2001:db9::1"], "2001:db9::1"),
        ("::ffff:10.0.0.1", ["::ffff:192.0.2.7"], "192.0.2.7"),
        # What is no address ends the search: the last one that is known counts.
        ("10.0.0.1", ["192.0.2.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("", ["192.0.2.7"], ""),
    ],
)
def test_the_list_is_read_from_its_end(peer: str, headers: list[str], client: str) -> None:
    """Only what a trusted proxy added is believed."""
    assert client_address(peer, headers, PROXIES) == client


@given(st.lists(st.text(max_size=20), max_size=3))
def test_nobody_is_believed_unless_trusted(headers: list[str]) -> None:
    """Without trusted proxies the connection's address counts, and so it does from anybody else."""
    assert client_address("192.0.2.1", headers, []) == "192.0.2.1"
    assert client_address("192.0.2.1", headers, PROXIES) == "192.0.2.1"
