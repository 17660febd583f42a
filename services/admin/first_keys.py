"""The key that is made with a user: as `/key/generate` would make it, with the configured defaults and bounds."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.admin.domain.key_bounds import KeyRules
from services.admin.domain.key_fields import read_new_key
from services.admin.domain.key_grants import for_llm_alone, narrowed_as
from services.admin.domain.key_ids import masked
from services.admin.domain.requests import Request
from shared.security.keys import key_digest, new_key, stored_hash
from shared.store.keys import KeyRecord


class FirstKeys:
    """Makes keys for new users; it stores none of them."""

    def __init__(self, secret: bytes, rules: KeyRules) -> None:
        self._secret = secret
        self._rules = rules

    def make(self, body: Mapping[str, Any], user: str, request: Request) -> tuple[str, KeyRecord]:
        """Return a user's key and its record; `body` is what `/user/new` says about it. Raises `InvalidRequest`."""
        key = new_key()
        wanted = read_new_key(body, request.now).record
        record = msgspec.structs.replace(
            self._rules.applied(wanted, wanted.limits, request.now),
            hash=stored_hash(key_digest(key), self._secret),
            key_name=masked(key),
            user_id=user,
            created_by=request.actor_name,
        )
        return key, for_llm_alone(narrowed_as(record, request.caller), request.caller)
