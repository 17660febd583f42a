"""The `/customer` routes: end users, whom requests name in their `user` field."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from services.admin.domain.customer_fields import CUSTOMER, changed_customer, read_new_customer
from services.admin.domain.customer_shapes import customer_shape
from services.admin.domain.declared import refuse_declared
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.requests import Answer, Request
from services.admin.recording import Deed, Recorder
from services.admin.spending import Spending
from shared.errors import InvalidRequest, NotFound
from shared.schemas.scopes import Scope
from shared.store.budgets import BudgetRecord, Budgets
from shared.store.connection import Session
from shared.store.objects import Objects
from shared.store.people import CustomerRecord

MOST_AT_ONCE = 500
"""Customers that one request may change; they are one transaction."""

USUAL_PAGE, MOST_LISTED, LAST_PAGE = 100, 1000, 100_000
"""Customers of one page unless `page_size` asks for others, and at most; and the last page that can be asked for."""

NEXT_PAGE = "x-tollway-next-page"
"""The answer's header that is the `page` with the customers made before these; without it there are none."""

AT_ONCE = 20
"""Customers whose spend is asked for at a time."""

_MANY = FieldPolicy(frozenset({"user_ids"}), {}, frozenset())
_INFO = FieldPolicy(frozenset({"end_user_id"}), {}, frozenset())
_LIST = FieldPolicy(frozenset({"page", "page_size"}), {}, frozenset())


class CustomerRoutes:
    """Makes, shows, changes, blocks and deletes customers."""

    def __init__(
        self, customers: Objects[CustomerRecord], budgets: Budgets, spending: Spending, recorder: Recorder
    ) -> None:
        self._customers = customers
        self._budgets = budgets
        self._spending = spending
        self._recorder = recorder

    async def new(self, request: Request) -> Answer:
        """Make a customer, for limits of its own or to refer to a budget."""
        record = read_new_customer(request.body, request.now, request.actor_name)

        async def work(session: Session) -> tuple[BudgetRecord | None, list[Deed]]:
            budget = await self._budget(record, session)
            await self._customers.insert(record, session)
            return budget, [Deed("customer", record.id, "customer.made", after=customer_shape(record, budget))]

        budget = await self._recorder.carry_out(request, work)
        return Answer(await self._shape(record, budget, request.now), tuple(record.ignored))

    async def update(self, request: Request) -> Answer:
        """Change a customer: absent leaves a field as it was, null takes it away."""
        id = Fields(request.body).needed_text("user_id")
        ignored = tuple(CUSTOMER.sort_out(request.body))

        async def work(session: Session) -> tuple[tuple[CustomerRecord, BudgetRecord | None], list[Deed]]:
            before = await self._found(id, "user_id", session)
            refuse_declared(before, "customer", "user_id")
            after = changed_customer(before, request.body, request.now, request.actor_name)
            budget = await self._budget(after, session)
            await self._customers.replace(after, session)
            return (after, budget), [_deed("customer.updated", before, after)]

        record, budget = await self._recorder.carry_out(request, work)
        return Answer(await self._shape(record, budget, request.now), ignored)

    async def info(self, request: Request) -> Answer:
        """Tell about a customer."""
        _INFO.sort_out(request.query)
        record = await self._found(Fields(request.query).needed_text("end_user_id"), "end_user_id")
        budget = await self._budgets.find(record.budget_id) if record.budget_id else None
        return Answer(await self._shape(record, budget, request.now))

    async def list(self, request: Request) -> Answer:
        """List customers in pages, the newest first."""
        _LIST.sort_out(request.query)
        fields = Fields(request.query)
        page = fields.query_count("page", default=1, most=LAST_PAGE)
        size = fields.query_count("page_size", default=USUAL_PAGE, most=MOST_LISTED)
        records = await self._customers.page({}, skip=(page - 1) * size, limit=size + 1)
        headers = ((NEXT_PAGE, str(page + 1)),) if len(records) > size else ()
        return Answer(await self._shapes(records[:size], request.now), headers=headers)

    async def block(self, request: Request) -> Answer:
        """Refuse requests of these customers from now on, whether they are known yet or not."""
        records = await self._set_blocked(request, blocked=True)
        return Answer({"blocked_users": await self._shapes(records, request.now)})

    async def unblock(self, request: Request) -> Answer:
        """Let blocked customers be served again."""
        records = await self._set_blocked(request, blocked=False)
        return Answer({"blocked_users": [], "unblocked_users": [record.id for record in records]})

    async def delete(self, request: Request) -> Answer:
        """Delete all of the named customers, or none of them; their entries in the ledger stay."""
        ids = _ids(request)

        async def work(session: Session) -> tuple[None, list[Deed]]:
            found = await self._customers.find_many(ids, session)
            missing = [id for id in ids if id not in found]
            if missing:
                raise NotFound(f"There is no customer {', '.join(map(repr, missing[:10]))}.", param="user_ids")
            for record in found.values():
                refuse_declared(record, "customer", "user_ids")
            for id in ids:
                await self._customers.delete(id, session)
            return None, [_deed("customer.deleted", found[id], None) for id in ids]

        await self._recorder.carry_out(request, work)
        message = f"Successfully deleted customers with ids: {list(ids)}"
        return Answer({"deleted_customers": len(ids), "message": message})

    async def _shapes(self, records: Sequence[CustomerRecord], now: float) -> Sequence[dict[str, Any]]:
        budgets = await self._budgets.find_many(sorted({record.budget_id for record in records if record.budget_id}))
        shapes = []
        for start in range(0, len(records), AT_ONCE):
            some = records[start : start + AT_ONCE]
            shapes += await asyncio.gather(*(self._shape(one, budgets.get(one.budget_id), now) for one in some))
        return shapes

    async def _shape(self, record: CustomerRecord, budget: BudgetRecord | None, now: float) -> dict[str, Any]:
        spent = await self._spending.of(Scope("customer", record.id), record, now)
        return customer_shape(record, budget, spent.in_period, spent.reset_at)

    async def _set_blocked(self, request: Request, *, blocked: bool) -> Sequence[CustomerRecord]:
        ids = _ids(request)

        async def work(session: Session) -> tuple[list[CustomerRecord], list[Deed]]:
            known = await self._customers.find_many(ids, session)
            if not blocked and len(known) < len(ids):
                missing = next(id for id in ids if id not in known)
                raise NotFound(f"There is no customer '{missing}'.", param="user_ids")
            records, deeds = [], []
            for id in ids:
                before = known.get(id)
                if before is not None:
                    refuse_declared(before, "customer", "user_ids")
                record = before or CustomerRecord(id, request.now, created_by=request.actor_name)
                after = msgspec.structs.replace(
                    record, blocked=blocked, updated_at=request.now, updated_by=request.actor_name
                )
                await (self._customers.replace if before else self._customers.insert)(after, session)
                records.append(after)
                deeds.append(_deed("customer.blocked" if blocked else "customer.unblocked", before, after))
            return records, deeds

        return await self._recorder.carry_out(request, work)

    async def _budget(self, record: CustomerRecord, session: Session) -> BudgetRecord | None:
        if not record.budget_id:
            return None
        budget = await self._budgets.find(record.budget_id, session)
        if budget is None:
            raise InvalidRequest(f"There is no budget '{record.budget_id}'.", param="budget_id")
        return budget

    async def _found(self, id: str, param: str, session: Session = None) -> CustomerRecord:
        record = await self._customers.find(id, session)
        if record is None:
            raise NotFound(f"There is no customer '{id}'.", param=param)
        return record


def _ids(request: Request) -> Sequence[str]:
    _MANY.sort_out(request.body)
    ids = Fields(request.body).texts("user_ids")
    if not 0 < len(ids) <= MOST_AT_ONCE:
        raise InvalidRequest(f"'user_ids' must name 1 to {MOST_AT_ONCE} customers.", param="user_ids")
    return ids


def _deed(action: str, before: CustomerRecord | None, after: CustomerRecord | None) -> Deed:
    record = after or before
    assert record is not None  # noqa: S101 - a deed is about something
    shapes = [customer_shape(item) if item is not None else None for item in (before, after)]
    return Deed("customer", record.id, action, *shapes)
