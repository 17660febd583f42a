"""The frames of a reply lane, and the small messages that keep a lane alive."""

import msgspec

from shared.errors import ErrorBody
from shared.schemas.context import Principal
from shared.schemas.limits import Admitted


class Ending(msgspec.Struct, frozen=True, omit_defaults=True):
    """The proper end of an answer, with what the edge counts and tells about it."""

    model: str = ""
    provider: str = ""
    deployment: str = ""
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0
    """Nano-dollars."""
    unpriced: bool = False
    provider_seconds: float = 0.0
    """Time spent waiting for the provider; the rest of the request's duration is Tollway's overhead."""
    ended: float = 0.0
    """When it ended, in Unix seconds, as its completion event says."""


class Opening(msgspec.Struct, frozen=True, omit_defaults=True):
    """Status and headers of the answer; sent with the first bytes, not before them."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    deployment: str = ""
    """Who answers, where that is known."""
    attempts: int = 0
    """The attempts up to the one that answers; 0 where that is not known."""
    ending: Ending | None = None
    """The end of an answer of several frames that was whole before its first one was sent."""


class FrameHeader(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands before the bytes of one frame. A short answer is one frame with opening, bytes and end."""

    q: int
    """The frame's number on its lane, from 0; a gap ends the answer with an error."""
    worker: str = ""
    """`service.worker id` of the sender, in the first frame."""
    open: Opening | None = None
    end: Ending | None = None
    error: ErrorBody | None = None
    admitted: Admitted | None = None
    """In the first frame, of a request that holds something at the limiter: the edge releases it at its end."""

    @property
    def is_data(self) -> bool:
        """True for a frame that is nothing but bytes of the answer."""
        return self.open is None and self.end is None and self.error is None and self.admitted is None


class Bundle(msgspec.Struct, frozen=True, omit_defaults=True):
    """Frames of several lanes of one reader, nothing but data; the bytes of all of them follow the line."""

    frames: list[tuple[str, int, int]]
    """Each frame's lane token, its number on that lane, and its bytes, in the order of the data."""


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request is about to go to a provider: from here on the edge never repeats it.

    It carries what the edge writes into the ledger, marked as estimated, should this worker die before it
    tells what the attempt cost. `model_group` and the rest of the request the edge knows itself.
    """

    token: str
    """The lane's last token."""
    attempt: str
    """The attempt's id."""
    deployment: str
    provider: str
    model: str
    principal: Principal
    input: int = 0
    """Estimated input tokens."""
    cost: int = 0
    """Nano-dollars for that input."""
    unpriced: bool = False
    price_version: str = ""
    limited: bool = False
    """True where the limiter holds something for the request."""


class Holds(msgspec.Struct, frozen=True, omit_defaults=True):
    """A worker's beat to one lane reader: the lanes whose requests it has in hand."""

    worker: str
    lanes: list[str] = []
    sent: list[Sent] = []
    admitted: list[str] = []
    """Requests, by id, that the limiter admitted when nobody waited for its verdict any more."""


class Grants(msgspec.Struct, frozen=True, omit_defaults=True):
    """A lane reader's beat to one worker: credit as a running total of bytes, by lane."""

    reader: str
    """The reader's lane prefix."""
    credit: dict[str, int] = {}


class BodyRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The next piece of a body, please."""

    token: str
    offset: int = 0


class BodyPiece(msgspec.Struct, frozen=True, omit_defaults=True):
    """The head of a reply with a piece of a body; its bytes follow the line."""

    end: bool = False
    wait: bool = False
    """Nothing has come from the client yet; ask again."""
    error: ErrorBody | None = None
