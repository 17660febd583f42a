"""What the operator's configuration says of keys: what a silent maker gets, and what nobody gets more of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from services.admin.domain.durations import end_of
from services.admin.domain.fields import Fields
from services.admin.domain.limit_fields import read_limits
from shared.errors import InvalidRequest
from shared.pricing.money import to_dollars
from shared.schemas.limits import Limits, merged
from shared.store.keys import KeyRecord

_FIELDS = {"rpm": "rpm_limit", "tpm": "tpm_limit", "parallel": "max_parallel_requests", "max_budget": "max_budget"}
NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class KeyBounds:
    """A section of the configuration about keys; None and empty say nothing."""

    limits: Limits = NO_LIMITS
    duration: str = ""
    models: tuple[str, ...] = ()

    def filled(self, record: KeyRecord, held: Limits, now: float) -> KeyRecord:
        """Return a new key with this where it states nothing; `held` is what it and its budget state."""
        missing = {name: getattr(self.limits, name) for name in _FIELDS if getattr(held, name) is None}
        missing = {name: value for name, value in missing.items() if value is not None}
        if "max_budget" in missing and self.limits.budget_duration and not record.limits.budget_duration:
            missing |= {"budget_duration": self.limits.budget_duration, "budget_since": now}
        return msgspec.structs.replace(
            record,
            limits=msgspec.structs.replace(record.limits, **missing),
            expires=end_of(self.duration, now) if record.expires is None else record.expires,
            models=record.models or self.models,
        )

    def check_new(self, record: KeyRecord, held: Limits, now: float) -> None:
        """Raise `InvalidRequest` where a new key states more than this."""
        for name, field in _FIELDS.items():
            has, most = getattr(held, name), getattr(self.limits, name)
            if has is not None and most is not None and has > most:
                raise _beyond(field, most)
        last = end_of(self.duration, now)
        if last is not None and record.expires is not None and record.expires > last:
            raise self._too_long()

    def check_change(self, before: KeyRecord, after: KeyRecord, held: Limits, now: float) -> None:
        """Raise `InvalidRequest` where a change goes beyond this; what was beyond it before may stay."""
        for name, field in _FIELDS.items():
            has, most = getattr(held, name), getattr(self.limits, name)
            changed = getattr(after.limits, name) != getattr(before.limits, name) or after.budget_id != before.budget_id
            if most is not None and changed and (has is None or has > most):
                raise _beyond(field, most)
        last = end_of(self.duration, now)
        if last is not None and after.expires != before.expires and (after.expires is None or after.expires > last):
            raise self._too_long()

    def _too_long(self) -> InvalidRequest:
        return InvalidRequest(f"'duration' must not be longer than {self.duration}.", param="duration")


@dataclass(frozen=True, slots=True)
class KeyRules:
    """What a new key gets where its maker says nothing, and the most that it has."""

    defaults: KeyBounds
    bounds: KeyBounds

    def applied(self, record: KeyRecord, held: Limits, now: float) -> KeyRecord:
        """Return a new key by these rules; raise `InvalidRequest` where it states too much.

        `held` is what the key and its budget state. What nobody asked for is no grant, so this comes after the check
        of what was: the limits of the key's groups hold at use.
        """
        self.bounds.check_new(record, held, now)
        filled = self.defaults.filled(record, held, now)
        return self.bounds.filled(filled, merged(filled.limits, held), now)


def bounds_of(body: Mapping[str, Any]) -> KeyBounds:
    """Return what a section of the configuration says, written as a body."""
    return KeyBounds(read_limits(Fields(body), Limits(), 0.0), body.get("duration", ""), tuple(body.get("models", ())))


def rules_of(body: Mapping[str, Any]) -> KeyRules:
    """Return the rules of `defaults.keys`, written as a body."""
    return KeyRules(bounds_of(body), bounds_of(body.get("bounds", {})))


def _beyond(field: str, most: int) -> InvalidRequest:
    shown = to_dollars(most) if field == "max_budget" else most
    return InvalidRequest(f"'{field}' must not be more than {shown:g}, as the configuration has it.", param=field)
