"""What the stage's handler asks of tokens; a gateway without issuers loads none of what is behind it."""

from typing import Protocol

from shared.routes import Policy
from shared.schemas.context import Principal, RequestContext


class TokenHolders(Protocol):
    """Tells who holds a request's token."""

    def known(self, ctx: RequestContext, policy: Policy) -> Principal | None:
        """Return the holder if nothing has to be asked for it."""
        ...

    async def find(self, ctx: RequestContext, policy: Policy) -> Principal:
        """Return the holder; raise why there is none."""
        ...

    def clear(self) -> None:
        """Forget what the store said."""
        ...
