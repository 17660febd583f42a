"""The operator's upper bounds of keys: nobody's key has more, and one that states nothing has this much."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from services.admin.domain.durations import end_of
from services.admin.domain.fields import Fields
from services.admin.domain.limit_fields import read_limits
from shared.errors import InvalidRequest
from shared.pricing.money import to_dollars
from shared.schemas.limits import Limits
from shared.store.keys import KeyRecord

_FIELDS = {"rpm": "rpm_limit", "tpm": "tpm_limit", "parallel": "max_parallel_requests", "max_budget": "max_budget"}


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class KeyBounds:
    """What `defaults.keys.bounds` of the configuration says; None and empty are no bound."""

    limits: Limits = NO_LIMITS
    duration: str = ""

    def applied(self, record: KeyRecord, now: float) -> KeyRecord:
        """Return a new key with the bounds where it states nothing; raise `InvalidRequest` where it states more."""
        self._check(record.limits)
        missing = {
            name: getattr(self.limits, name)
            for name in _FIELDS
            if getattr(record.limits, name) is None and getattr(self.limits, name) is not None
        }
        if "max_budget" in missing and not record.limits.budget_duration and self.limits.budget_duration:
            missing |= {"budget_duration": self.limits.budget_duration, "budget_since": now}
        last = end_of(self.duration, now)
        if last is not None and record.expires is not None and record.expires > last:
            raise InvalidRequest(f"'duration' must not be longer than {self.duration}.", param="duration")
        return msgspec.structs.replace(
            record,
            limits=msgspec.structs.replace(record.limits, **missing),
            expires=last if record.expires is None else record.expires,
        )

    def check(self, after: KeyRecord, before: KeyRecord, now: float) -> None:
        """Raise `InvalidRequest` where a change goes beyond a bound; what was beyond it before may stay."""
        for name, field in _FIELDS.items():
            has, had, most = (getattr(limits, name) for limits in (after.limits, before.limits, self.limits))
            if most is not None and has != had and (has is None or has > most):
                raise self._beyond(field, most)
        last = end_of(self.duration, now)
        if last is not None and after.expires != before.expires and (after.expires is None or after.expires > last):
            raise InvalidRequest(f"'duration' must not be longer than {self.duration}.", param="duration")

    def _check(self, limits: Limits) -> None:
        for name, field in _FIELDS.items():
            has, most = getattr(limits, name), getattr(self.limits, name)
            if has is not None and most is not None and has > most:
                raise self._beyond(field, most)

    @staticmethod
    def _beyond(field: str, most: int) -> InvalidRequest:
        shown = to_dollars(most) if field == "max_budget" else most
        return InvalidRequest(f"'{field}' must not be more than {shown:g}, as the configuration has it.", param=field)


def bounds_of(body: Mapping[str, Any]) -> KeyBounds:
    """Return the bounds that a section of the configuration states, written as a body."""
    return KeyBounds(read_limits(Fields(body), Limits(), 0.0), body.get("duration", ""))
