"""What the schemas of both vendors' requests are made of."""

from typing import Annotated

from msgspec import Meta, Raw, Struct, UnsetType

Name = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
PositiveInt = Annotated[int, Meta(ge=1)]
Ignored = Raw | UnsetType
"""A field that is accepted and not looked at."""


class Strict(Struct, forbid_unknown_fields=True):
    """An object whose unknown fields are refused."""
