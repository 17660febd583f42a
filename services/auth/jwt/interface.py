"""What the stage's handler asks of tokens; a gateway without issuers loads none of what is behind it."""

from typing import NamedTuple, Protocol

from services.auth.standings import Held
from shared.schemas.context import RequestContext


class Shown(NamedTuple):
    """A token as a request showed it."""

    digest: str
    """SHA-256 of it in hex."""
    token: str
    wanted_team: str
    """The team that the request names; empty for none."""
    team_needed: bool
    """True where the request must be for one team, if the token has several."""


class TokenHolders(Protocol):
    """Tells who holds a token."""

    def known(self, shown: Shown) -> Held | None:
        """Return what holds for its holder, if nothing has to be asked for it."""
        ...

    async def find(self, shown: Shown, ctx: RequestContext) -> Held:
        """Return what holds for its holder; raise why there is none."""
        ...
