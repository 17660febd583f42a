"""Virtual keys."""

from services.admin.domain.defaults import as_body
from services.admin.domain.key_bounds import rules_of
from services.admin.handlers import Handler
from services.admin.key_changing import KeyChanging
from services.admin.key_listing import KeyListing
from services.admin.key_lookup import KeyLookup
from services.admin.key_making import KeyMaking
from services.admin.key_shapes import KeyShapes
from services.admin.keys import KeyRoutes
from services.admin.recording import Recorder
from services.admin.spending import Spending
from shared.settings import Runtime
from shared.store.connection import Store
from shared.store.keys import Keys


def keys_table(store: Store, recorder: Recorder, runtime: Runtime) -> dict[str, Handler]:
    """Return the handlers by the names of their routes."""
    settings = runtime.configuration
    rules = rules_of(as_body(settings.defaults.keys))
    keys, lookup, shapes = Keys(store), KeyLookup(store), KeyShapes(Spending(store, settings.limits.time_zone))
    guardrails = frozenset(guardrail.name for guardrail in settings.guardrails)
    endpoints = tuple(endpoint.path for endpoint in settings.pass_through_endpoints)
    changing = KeyChanging(keys, lookup, rules.bounds, guardrails, endpoints)
    making = KeyMaking(
        keys,
        lookup,
        changing,
        recorder,
        shapes,
        secret=runtime.secret,
        rules=rules,
    )
    key = KeyRoutes(lookup, changing, recorder, shapes, runtime.secret)
    listing = KeyListing(store, shapes, runtime.secret)
    return {
        "key_generate": making.generate,
        "key_service_account": making.generate_service_account,
        "key_regenerate": making.regenerate,
        "key_info": key.info,
        "key_update": key.update,
        "key_delete": key.delete,
        "key_block": key.block,
        "key_unblock": key.unblock,
        "key_list": listing.keys,
        "key_aliases": listing.aliases,
    }
