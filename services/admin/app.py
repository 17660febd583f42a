"""The composition root of admin: the stage that answers management routes, and the voice of every change."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.admin.callers import Callers
from services.admin.domain.defaults import as_body
from services.admin.domain.key_bounds import bounds_of
from services.admin.handlers import Desk, Handler
from services.admin.joining import Joining
from services.admin.key_changing import KeyChanging
from services.admin.key_listing import KeyListing
from services.admin.key_lookup import KeyLookup
from services.admin.key_making import KeyMaking
from services.admin.key_shapes import KeyShapes
from services.admin.keys import KeyRoutes
from services.admin.members import MemberRoutes
from services.admin.models import ModelRoutes
from services.admin.organization_members import OrganizationMemberRoutes
from services.admin.organizations import OrganizationRoutes
from services.admin.people import People
from services.admin.recording import Recorder
from services.admin.spend import SpendRoutes
from services.admin.spending import Spending
from services.admin.taking import Taking
from services.admin.team_shapes import TeamShapes
from services.admin.team_views import TeamViews
from services.admin.teams import TeamRoutes
from services.admin.user_views import UserViews
from services.admin.users import UserRoutes
from shared.bus.changes import ChangeAnnouncer
from shared.bus.stage import Stage
from shared.bus.worker import Worker
from shared.settings import Runtime
from shared.store.changes import Changes
from shared.store.connection import Store
from shared.store.keys import Keys
from shared.store.ledger import Ledger
from shared.store.models import Models


@asynccontextmanager
async def build(worker: Worker, runtime: Runtime) -> AsyncIterator[None]:
    """Serve the stage until left; then drain it."""
    settings = runtime.configuration
    store = Store.open(runtime.mongodb_url, owner=worker.id, alive=worker.present)
    announcer = ChangeAnnouncer(worker, Changes(store))
    recorder = Recorder(store, announcer)
    desk = Desk(_table(store, recorder, runtime), Callers(store))
    stage = Stage(worker, desk.handle, max_in_hand=settings.max_in_hand)
    await announcer.start()
    await stage.start()
    try:
        yield
    finally:
        await stage.drain(settings.server.drain_seconds)
        await recorder.close()
        await announcer.close()
        await store.close()


def _table(store: Store, recorder: Recorder, runtime: Runtime) -> dict[str, Handler]:
    keys, ledger = Keys(store), Ledger(store)
    model = ModelRoutes(Models(store), recorder, runtime.configuration, runtime.encryption_key)
    spend = SpendRoutes(ledger, keys, runtime.secret)
    return {
        **_key_table(store, recorder, runtime),
        **_people_table(store, recorder, runtime),
        "model_new": model.new,
        "model_info": model.info,
        "model_delete": model.delete,
        "spend_logs": spend.logs,
    }


def _key_table(store: Store, recorder: Recorder, runtime: Runtime) -> dict[str, Handler]:
    settings = runtime.configuration
    defaults = settings.defaults.keys
    keys, lookup, shapes = Keys(store), KeyLookup(store), KeyShapes(Spending(store))
    bounds = bounds_of(as_body(defaults.bounds))
    changing = KeyChanging(keys, lookup, bounds, frozenset(guardrail.name for guardrail in settings.guardrails))
    making = KeyMaking(
        keys,
        lookup,
        changing,
        recorder,
        secret=runtime.secret,
        defaults={name: value for name, value in as_body(defaults).items() if name != "bounds"},
        bounds=bounds,
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


def _people_table(store: Store, recorder: Recorder, runtime: Runtime) -> dict[str, Handler]:
    defaults = runtime.configuration.defaults
    of_users, of_teams = as_body(defaults.users), as_body(defaults.teams)
    people, keys, spending = People(store), Keys(store), Spending(store)
    joining, taking = Joining(people, of_users), Taking(people, keys)
    teams, key_shapes = TeamShapes(people, spending), KeyShapes(spending)
    user = UserRoutes(people, keys, taking, recorder, runtime.secret, of_users)
    user_view = UserViews(people, keys, spending, teams, key_shapes)
    team = TeamRoutes(people, joining, taking, teams, spending, recorder, of_teams)
    team_view = TeamViews(people, keys, teams, key_shapes)
    member = MemberRoutes(people, joining, taking, teams, recorder)
    organization = OrganizationRoutes(people, taking, teams, spending, recorder)
    organization_member = OrganizationMemberRoutes(people, joining, taking, recorder)
    return {
        "user_new": user.new,
        "user_info": user_view.info,
        "user_info_v2": user_view.info_v2,
        "user_update": user.update,
        "user_delete": user.delete,
        "user_list": user_view.list,
        "team_new": team.new,
        "team_info": team_view.info,
        "team_update": team.update,
        "team_patch": team.patch,
        "team_delete": team.delete,
        "team_block": team.block,
        "team_unblock": team.unblock,
        "team_list": team_view.list,
        "team_list_v2": team_view.list_v2,
        "team_member_add": member.add,
        "team_member_update": member.update,
        "team_member_delete": member.delete,
        "team_member_me": team_view.me,
        "team_model_add": team.add_models,
        "team_model_delete": team.delete_models,
        "organization_new": organization.new,
        "organization_info": organization.info,
        "organization_info_of_many": organization.info_of_many,
        "organization_list": organization.list,
        "organization_update": organization.update,
        "organization_update_post": organization.update,
        "organization_patch": organization.update,
        "organization_delete": organization.delete,
        "organization_delete_post": organization.delete,
        "organization_member_add": organization_member.add,
        "organization_member_update": organization_member.update,
        "organization_member_update_post": organization_member.update,
        "organization_member_delete": organization_member.delete,
        "organization_member_delete_post": organization_member.delete,
    }
