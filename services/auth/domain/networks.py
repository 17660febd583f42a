"""From where a key works: lists of IP networks."""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Networks = tuple[IPv4Network | IPv6Network, ...]


def networks_of(allowed: tuple[str, ...]) -> Networks:
    """Return the networks of a list; an entry that is none covers no address, so that a typo opens nothing."""
    found: list[IPv4Network | IPv6Network] = []
    for entry in allowed:
        try:
            found.append(ip_network(entry.strip(), strict=False))
        except ValueError:
            continue
    return tuple(found)


def covers(networks: Networks, client: str) -> bool:
    """Tell whether a client's address is in one of the networks; what is no address is in none.

    An IPv4 address that was written as an IPv6 one counts as what it is.
    """
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
