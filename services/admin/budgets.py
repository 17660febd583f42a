"""The `/budget` routes: limits by name, which other objects refer to."""

from services.admin.domain.budget_fields import BUDGET, changed_budget, read_new_budget
from services.admin.domain.budget_shapes import budget_shape, settings_shape, users_sentence
from services.admin.domain.declared import refuse_declared
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.requests import Answer, Request
from services.admin.recording import Deed, Recorder
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.store.budgets import BudgetRecord, Budgets
from shared.store.connection import Session

MOST_LISTED = 10_000

_INFO = FieldPolicy(frozenset({"budgets"}), {}, frozenset())
_DELETE = FieldPolicy(frozenset({"id"}), {}, frozenset())
_SETTINGS = FieldPolicy(frozenset({"budget_id"}), {}, frozenset())
_NOTHING = FieldPolicy(frozenset(), {}, frozenset())


class BudgetRoutes:
    """Makes, shows, changes and deletes budgets."""

    def __init__(self, budgets: Budgets, recorder: Recorder) -> None:
        self._budgets = budgets
        self._recorder = recorder

    async def new(self, request: Request) -> Answer:
        """Make a budget."""
        record, ignored = read_new_budget(request.body, request.now, request.actor_name)

        async def work(session: Session) -> tuple[None, list[Deed]]:
            await self._budgets.insert(record, session)
            return None, [Deed("budget", record.id, "budget.made", after=budget_shape(record))]

        await self._recorder.carry_out(request, work)
        return Answer(budget_shape(record), ignored)

    async def update(self, request: Request) -> Answer:
        """Change a budget, for everything that refers to it."""
        ignored = tuple(BUDGET.sort_out(request.body))
        id = Fields(request.body).needed_text("budget_id")

        async def work(session: Session) -> tuple[BudgetRecord, list[Deed]]:
            before = await self._found(id, "budget_id", session)
            refuse_declared(before, "budget", "budget_id")
            after = changed_budget(before, request.body, request.now, request.actor_name)
            await self._budgets.replace(after, session)
            return after, [Deed("budget", id, "budget.updated", budget_shape(before), budget_shape(after))]

        return Answer(budget_shape(await self._recorder.carry_out(request, work)), ignored)

    async def info(self, request: Request) -> Answer:
        """Tell about several budgets; one that does not exist is left out, as in LiteLLM."""
        _INFO.sort_out(request.body)
        ids = Fields(request.body).texts("budgets")
        if not ids:
            raise InvalidRequest("'budgets' must name at least one budget.", param="budgets")
        found = await self._budgets.find_many(ids)
        return Answer([budget_shape(found[id]) for id in ids if id in found])

    async def list(self, request: Request) -> Answer:
        """List all budgets, the newest first."""
        _NOTHING.sort_out(request.query)
        return Answer([budget_shape(record) for record in await self._budgets.where({}, limit=MOST_LISTED)])

    async def settings(self, request: Request) -> Answer:
        """List what a budget may say, with what this one says."""
        _SETTINGS.sort_out(request.query)
        return Answer(settings_shape(await self._budgets.find(Fields(request.query).needed_text("budget_id"))))

    async def delete(self, request: Request) -> Answer:
        """Delete a budget that nothing refers to: whatever did would be without limits then."""
        _DELETE.sort_out(request.body)
        id = Fields(request.body).needed_text("id")

        async def work(session: Session) -> tuple[BudgetRecord, list[Deed]]:
            record = await self._found(id, "id", session)
            refuse_declared(record, "budget", "id")
            users = await self._budgets.users_of(id, session)
            if users:
                raise Conflict(f"The budget '{id}' is in use: {users_sentence(users)}.", param="id")
            await self._budgets.delete(id, session)
            return record, [Deed("budget", id, "budget.deleted", before=budget_shape(record))]

        return Answer(budget_shape(await self._recorder.carry_out(request, work)))

    async def _found(self, id: str, param: str, session: Session) -> BudgetRecord:
        record = await self._budgets.find(id, session)
        if record is None:
            raise NotFound(f"There is no budget '{id}'.", param=param)
        return record
