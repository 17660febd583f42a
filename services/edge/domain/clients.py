"""The client's address: the connection's, or what a proxy that the operator trusts says of it."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def client_address(peer: str, forwarded_for: Iterable[str], trusted: Sequence[Network]) -> str:
    """Return the client's address, given the connection's and the values of `X-Forwarded-For`.

    Each proxy adds whom it was called by at the end, so the list is read from there: as long as an address is a
    trusted proxy's, the one before it counts. Everything further to the left may be the client's invention.
    """
    if not trusted:
        return peer
    address = _address(peer)
    if address is None:
        return peer
    for value in reversed([part for header in forwarded_for for part in header.split(",")]):
        if not any(address in network for network in trusted):
            break
        before = _address(value)
        if before is None:
            break
        address = before
    return str(address)


def _address(text: str) -> Address | None:
    """Return an address that may stand in brackets and with a port; None for what is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
