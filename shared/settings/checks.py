"""What paths, targets and headers of the configuration may look like, so that no later reading of them differs."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

_SEGMENTS = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?")
_HTTP_URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~%/@:-]*)?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

METADATA_HOSTS = frozenset({"metadata", "metadata.google.internal", "instance-data"})
METADATA_ADDRESSES = frozenset({"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"})
"""Where clouds answer with the machine's own credentials, beside the link-local addresses: Alibaba's, Azure's,
Oracle's and Amazon's."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses that lead to the IPv4 address in their last four bytes (RFC 6052)."""


def is_forbidden_host(host: str) -> bool:
    """Tell whether a name or address is link-local or belongs to a cloud's metadata service."""
    if host.lower().rstrip(".") in METADATA_HOSTS:
        return True
    try:
        address = _reached(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return False
    return address.is_link_local or str(address) in METADATA_ADDRESSES


def _reached(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _path(value: str) -> str:
    if not _SEGMENTS.fullmatch(value):
        raise ValueError("a path is made of segments such as '/vendor/v1', of letters, digits and '._~-' alone")
    return value.rstrip("/")


def target_url(value: str) -> str:
    """Return a URL that requests may go to, without its last slash; raise `ValueError` that says what is wrong."""
    if not _HTTP_URL.fullmatch(value):
        raise ValueError("a target is 'http://' or 'https://', a host and a path, with no user, query or fragment")
    if is_forbidden_host(urlsplit(value).hostname or ""):
        raise ValueError("a target may not be a link-local address or a cloud's metadata service")
    return value.rstrip("/")


def _header_name(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError("a header's name is a token of RFC 9110")
    return value


def _header_value(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().isprintable():
        raise ValueError("a header's value holds printable characters alone")
    return value


def _key_needed(value: bool) -> bool:
    if not value:
        raise ValueError("every endpoint asks for a Tollway key, so this can only be true")
    return value


EndpointPath = Annotated[str, AfterValidator(_path)]
TargetUrl = Annotated[str, AfterValidator(target_url)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[SecretStr, AfterValidator(_header_value)]
KeyNeeded = Annotated[bool, AfterValidator(_key_needed)]
