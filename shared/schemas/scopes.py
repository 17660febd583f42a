"""Scopes: what a limit or a budget applies to, and what the ledger sums by."""

from typing import Literal, NamedTuple

ScopeKind = Literal[
    "key",
    "user",
    "team",
    "member",
    "organization",
    "customer",
    "key_model",
    "user_model",
    "team_model",
    "member_model",
    "organization_model",
    "customer_model",
    "deployment",
    "model_group",
]

SEPARATOR = "\x1f"
"""Between the parts of an id: a control character, which no id of an operator's or a caller's may hold."""


class Scope(NamedTuple):
    """One scope: its kind, and the id of what it is about."""

    kind: ScopeKind
    id: str

    @property
    def text(self) -> str:
        """Return it as one string, for messages and tables."""
        return f"{self.kind}{SEPARATOR}{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """Return the scope of such a string."""
        kind, _, id = text.partition(SEPARATOR)
        return cls(kind, id)  # type: ignore[arg-type]


def member_id(team: str, user: str) -> str:
    """Return the id of a user within a team."""
    return f"{team}{SEPARATOR}{user}"


def of_model(scope: Scope, model: str) -> Scope:
    """Return the scope of one model group within another scope."""
    return Scope(f"{scope.kind}_model", f"{scope.id}{SEPARATOR}{model}")  # type: ignore[arg-type]


def scopes_of(*, key: str, user: str, team: str, organization: str, customer: str) -> tuple[Scope, ...]:
    """Return the scopes in which a caller's requests count; an empty id is none.

    Auth asks the limiter about them, and billing sums by them, so that both speak of the same money.
    """
    found: list[tuple[ScopeKind, str]] = [
        ("key", key),
        ("user", user),
        ("team", team),
        ("member", member_id(team, user) if team and user else ""),
        ("organization", organization),
        ("customer", customer),
    ]
    return tuple(Scope(kind, id) for kind, id in found if id)


_NAMES = {"customer": ("end_user",), "member": ("team", "user"), "deployment": (), "model_group": ("model_group",)}
"""How a completion calls the parts of an id, where not by the scope's kind."""


def parts_of(scope: Scope) -> dict[str, str]:
    """Return what names a scope, under the names that a completion has for it."""
    kind = scope.kind.removesuffix("_model")
    names = _NAMES.get(kind, (kind,))
    if kind != scope.kind:
        names += ("model_group",)
    return dict(zip(names, scope.id.split(SEPARATOR, len(names) - 1), strict=False))
