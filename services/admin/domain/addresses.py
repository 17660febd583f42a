"""Where a deployment may be: anywhere, but for addresses at which a machine answers with its own credentials."""

import ipaddress
import socket
from urllib.parse import urlsplit

from shared.errors import InvalidRequest
from shared.settings.checks import is_forbidden_host


def checked_base(base: str, param: str) -> str:
    """Return an `api_base` without its last slash; raise `InvalidRequest` where it is none or leads astray."""
    if not base:
        return ""
    try:
        parts = urlsplit(base)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidRequest(f"'{param}' is not a URL.", param=param) from None
    if parts.scheme not in ("http", "https") or not host or not base.isascii() or "\\" in base:
        raise InvalidRequest(f"'{param}' must be an http:// or https:// URL.", param=param)
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidRequest(f"'{param}' must not hold a user, a query or a fragment.", param=param)
    if is_forbidden_host(host) or is_forbidden_host(_plain_address(host)):
        raise InvalidRequest(f"'{param}' must not be a link-local address or a metadata service.", param=param)
    return base.rstrip("/")


def _plain_address(host: str) -> str:
    """Return an IPv4 address in any of the forms that resolvers read (one number, octal, hexadecimal) as dotted."""
    try:
        return str(ipaddress.IPv4Address(socket.inet_aton(host.rstrip("."))))
    except (OSError, ValueError):
        return host
