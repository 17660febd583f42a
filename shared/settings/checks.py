"""What paths, targets and headers of the configuration may look like, so that no later reading of them differs."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

_SEGMENTS = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+/?")
_HTTP_URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~%/@:-]*)?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

METADATA_HOSTS = frozenset(
    {"metadata", "metadata.google.internal", "instance-data", "100.100.100.200", "fd00:ec2::254"}
)
"""Where clouds answer with the machine's own credentials, beside the link-local addresses."""


def is_forbidden_host(host: str) -> bool:
    """Tell whether a name or address is link-local or belongs to a cloud's metadata service."""
    if host.lower().rstrip(".") in METADATA_HOSTS:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_link_local or bool(mapped and mapped.is_link_local)


def _path(value: str) -> str:
    if not _SEGMENTS.fullmatch(value):
        raise ValueError("a path is made of segments such as '/vendor/v1', of letters, digits and '._~-' alone")
    return value.rstrip("/")


def _target(value: str) -> str:
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
TargetUrl = Annotated[str, AfterValidator(_target)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[SecretStr, AfterValidator(_header_value)]
KeyNeeded = Annotated[bool, AfterValidator(_key_needed)]
