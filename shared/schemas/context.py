"""What travels beside a request's body from stage to stage on the request plane."""

from typing import Literal

import msgspec

from shared.errors import Dialect
from shared.schemas.limits import Admitted, Unasked
from shared.schemas.model_lists import allows

Role = Literal["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer", "key_holder"]
"""What a principal is to the whole gateway; a user who administers a team or an organization is an internal user."""
ServiceName = Literal["edge", "auth", "guardrails", "router", "billing", "admin", "passthrough"]


class BodyRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a body that is too large for one message can be fetched, piece by piece."""

    subject: str
    """The request subject of the process that holds the body."""
    token: str
    """The body's name there."""
    size: int = -1
    """Bytes; -1 for an upload whose end is not known yet."""


class Principal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is asking, as auth established it. Nothing from the request's body or headers gets in here."""

    role: Role
    key: str = ""
    """The virtual key's id in the ledger: its first stored hash, whatever it was regenerated to. Empty for the master
    key and for JWTs."""
    key_name: str = ""
    """The key with all but its last four characters hidden."""
    key_alias: str = ""
    user: str = ""
    team: str = ""
    organization: str = ""
    models: tuple[str, ...] = ()
    """Models that the key may use, by `shared.schemas.model_lists`; empty means all."""
    within: tuple[tuple[str, ...], ...] = ()
    """Further lists, each of which must allow a model as well: those of its team, member, organization or user."""

    @property
    def restricted(self) -> bool:
        """True when there are models that it may not use."""
        return bool(self.models or self.within)

    def may_use(self, model: str, also: tuple[str, ...] = ()) -> bool:
        """Tell whether every list allows this model; `also` holds its names with a provider, for wildcards."""
        return allows(self.models, model, also) and all(allows(models, model, also) for models in self.within)


class RequestContext(msgspec.Struct, frozen=True, omit_defaults=True):
    """The small, typed part of a request. Times are Unix seconds.

    Each stage passes on a copy with what it found out; the body stays as the client sent it.
    """

    id: str
    """The request id that the edge made; a client's `x-request-id` is only a `label`."""
    lane: str
    """The subject on which the answer goes out; its last token names the lane."""
    edge: str
    """The subject prefix of the edge process that holds the client."""
    route: str
    """The matched route's name, for example `chat_completions`."""
    dialect: Dialect
    deadline: float
    send_by: float
    """Past this time no provider may be called without asking the edge: it may have repeated the request."""
    received: float
    credit: int
    """Bytes of answer that may be sent before the reader's first grant."""
    next: ServiceName = "guardrails"
    """The stage that follows auth, as the route's policy says."""
    epoch: int = 1
    """Raised each time the edge repeats the request."""
    direct: bool = False
    """True on a repeat: stages address live workers by name, since a queue group may hold a frozen one."""
    stream: bool = False
    model: str = ""
    label: str = ""
    method: str = ""
    path: str = ""
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers that the terminal stage needs; never one that carries a key."""
    client: str = ""
    """The client's address."""
    credential: str = ""
    """SHA-256 of the caller's key in hex, from the edge to auth only; auth blanks it."""
    bearer: str = ""
    """The caller's JWT as it came, from the edge to auth only; auth blanks it. Empty for a key."""
    wanted_team: str = ""
    """The team for which the holder of a JWT asks; auth compares it with the token, and blanks it."""
    principal: Principal | None = None
    body: BodyRef | None = None
    """Set when the body does not travel in the message."""
    end_user: str = ""
    """From `x-litellm-end-user-id`; a label for the ledger, never whom to bill."""
    tags: tuple[str, ...] = ()
    """From `x-litellm-tags`; labels for the ledger."""
    guardrails: tuple[str, ...] = ()
    """Names of the guardrails that ran."""
    wanted_guardrails: tuple[str, ...] = ()
    """Names of the guardrails that key and team ask for, beside those that always run."""
    trace: str = ""
    """W3C `traceparent`."""
    admitted: Admitted | None = None
    """Set by auth for a request that the limiter admitted: whoever ends it settles what it used."""

    unasked: Unasked | None = None
    """Set by auth for a native request of which it could not tell how large it is: pass-through asks the limiter."""
    priced_only: bool = False
    """True for a native request under a budget, where what nobody tells the price of is refused."""

    @property
    def limited(self) -> bool:
        """True where the limiter is to be told what the request used."""
        return self.admitted is not None

    @property
    def token(self) -> str:
        """The lane's last token: the request id, and the epoch from the second one on."""
        return self.lane.rpartition(".")[2]
