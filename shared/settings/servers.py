"""The sections about the servers beneath: broker and database."""

from typing import Literal

from pydantic import Field

from shared.settings.section import Section


class NatsSettings(Section):
    """The message broker."""

    stream_replicas: int = Field(1, ge=1, le=5)
    """Copies of each stream; more than one needs a cluster."""


class MongodbSettings(Section):
    """The system of record."""

    write_concern: int | Literal["majority"] = "majority"
    """How many members of the replica set have a write before it counts; an address with `w=` wins."""
