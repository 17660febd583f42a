"""The composition root of auth: the stage that tells who is asking and whether they may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from services.auth.customers import Customers
from services.auth.domain.limiter import Limiter
from services.auth.domain.offers import Offer
from services.auth.domain.quotas import Rules
from services.auth.handlers import Admission
from services.auth.judgement import Judgement
from services.auth.jwt.interface import TokenHolders
from services.auth.knowledge import Knowledge
from services.auth.limiter.seat import Seat
from services.auth.limiter.tally import Tally
from services.auth.offers import Offers, offer_of
from services.auth.records import Records
from services.auth.standings import Standings
from shared.bus.asking import Asking
from shared.bus.changes import ChangeFollower
from shared.bus.limits import LimiterClient
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.catalog.catalog import Catalog
from shared.catalog.fixed import configured_deployments
from shared.catalog.following import FileFollower
from shared.errors import Unavailable
from shared.offload import Offload
from shared.periods import period
from shared.pricing.money import to_nano
from shared.pricing.table import PriceTable
from shared.pricing.warm import warm
from shared.routes.passthrough import route_name
from shared.schemas.control import Change
from shared.settings import Configuration, Deployment, Runtime
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.ledger import Ledger
from shared.store.models import Models, offered_deployments
from shared.store.people import customers
from shared.telemetry import families

CONNECTIONS = 4
"""Questions about one key that go out together."""

MOST_CUSTOMERS = 20_000
"""End users that are remembered with their limits; callers may name any."""

OPENING_SECONDS = 0.5
"""How long a start waits for the database; one that is away is no reason not to start."""


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it."""
    settings = runtime.configuration
    await asyncio.to_thread(warm)
    store = Store.open(runtime.mongodb_url, owner=worker.id, alive=worker.present)
    prices, offload = PriceTable(settings.pricing.file), Offload()
    known = _knowledge(store, settings, prices)
    file = FileFollower(runtime.file, lambda configuration: known.catalog.fix(configured_deployments(configuration)))

    def on_change(change: Change) -> None:
        file.changed(change)
        known.changed(change)

    follower = ChangeFollower(worker, Changes(store), on_change=on_change, on_reset=known.reset)
    known.records.follow(follower)
    limiter = LimiterClient(worker)
    window, seconds = settings.limits.window, settings.limits.window_seconds
    seat = Seat(worker, lambda: Limiter(window, seconds), Ledger(store), Tally(worker.metrics))
    seat.serve(limiter)
    offers = Offers(known.catalog, prices)
    judgement = Judgement(
        offers,
        known.customers,
        Asking(worker, limiter, settings.limits),
        offload,
        allow_unpriced=settings.limits.allow_unpriced,
        flat={
            route_name(endpoint): to_nano(endpoint.cost_per_request)
            for endpoint in settings.pass_through_endpoints
            if endpoint.cost_per_request is not None
        },
    )
    holders = _token_holders(worker, store, settings, known)
    admission = Admission(
        known.standings,
        known.catalog,
        offers,
        follower,
        judgement,
        master=runtime.master_key_digest,
        secret=runtime.secret,
        max_age_seconds=settings.auth.max_age_seconds,
        holders=holders,
    )
    stage = Stage(worker, admission.admit, max_in_hand=settings.max_in_hand)
    known.observe(worker.metrics)
    worker.metrics.watch_cache("strangers", admission.strangers.__len__)
    worker.metrics.watch(families.KEYS_NOT_LOOKED_UP, lambda: admission.strangers.turned_away)
    worker.missing = lambda: ("the database does not answer",) if follower.store_away else ()
    await follower.start()
    await _open_connections(store)
    known.catalog.reload()
    await limiter.start()
    await seat.start()
    await stage.start()
    try:
        yield
    finally:
        await stage.drain(settings.server.drain_seconds)
        await limiter.close()
        await seat.close()
        await follower.close()
        await file.close()
        await known.close()
        if holders is not None:
            await holders.close()
        offload.close()
        await store.close()


def _token_holders(worker: Worker, store: Store, settings: Configuration, known: Knowledge) -> TokenHolders | None:
    if not settings.auth.jwt:
        return None
    # Its libraries take 10 MB and 50 ms, which only those who use them pay.
    from services.auth.jwt.building import token_holders

    return token_holders(worker, store, settings, known)


async def _open_connections(store: Store) -> None:
    """Open as many connections as a key that nobody knows asks by at once; the first such key would wait for them."""
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(OPENING_SECONDS):
            await asyncio.gather(*(store.ping() for _ in range(CONNECTIONS)))


def _knowledge(store: Store, settings: Configuration, prices: PriceTable) -> Knowledge:
    models, capacity = Models(store), settings.auth.cached_keys
    rules = Rules(
        lambda duration, anchor, now: period(duration, anchor, now, settings.limits.time_zone),
        user_budget_on_team_keys=settings.limits.user_budget_on_team_keys,
    )

    async def load() -> list[tuple[str, Deployment]]:
        return offered_deployments(await models.all())

    def prepare(deployment: Deployment) -> Offer:
        return offer_of(deployment, prices)

    catalog = Catalog(configured_deployments(settings), load, prepare)
    records = Records.of_store(store, capacity)
    end_users = Customers(
        records,
        customers(store),
        catalog,
        rules,
        default_budget=settings.limits.default_customer_budget,
        known_only=settings.auth.known_customers_only,
        capacity=min(capacity, MOST_CUSTOMERS),
    )
    return Knowledge(records, Standings(records, catalog, rules, capacity), end_users, catalog)
