"""What stands in the limiter's journal."""

import msgspec

from services.auth.domain.limiter.records import Record


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry: what one loop turn decided, a claim to be the active one, its end, or a piece of a snapshot.

    An entry without any of it is a beat: the active one is there. Entries only ever gain optional fields, for a
    stand-by may be of another version.
    """

    epoch: int
    """Counted up by each claim."""
    records: tuple[Record, ...] = ()
    claim: str = ""
    """The worker that is the active one from here on."""
    fresh: bool = False
    """With a claim: it begins with empty tables, and what stands before counts for nothing."""
    left: bool = False
    """The active one stopped: whoever reads this may claim at once."""
    piece: msgspec.Raw = msgspec.Raw()
    """A piece of a snapshot, of the state before its first piece."""
    number: int = 0
    """The piece's number in its snapshot, from 0."""
    last: bool = False
    """With a piece: the snapshot is complete."""


encode_entry = msgspec.json.Encoder().encode
decode_entry = msgspec.json.Decoder(Entry).decode
