"""What batches of completions change in the ledger's rows, and where they are listed."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion
from shared.schemas.scopes import Scope, of_model, scopes_of
from shared.store import pages, sums
from shared.store.entries import merged, once_each
from tests.support.completions import completions

Rows = dict[sums.Row, dict[str, Any]]


def added(rows: Rows, tally: sums.Tally) -> None:
    """Do what a database does with a tally's increments."""
    for row, change in tally.rows().items():
        document = rows.setdefault(row, change.identity())
        for path, amount in change.increments().items():
            *folders, last = path.split(".")
            place = document
            for folder in folders:
                place = place.setdefault(folder, {})
            place[last] = place.get(last, 0) + amount


def figures(rows: Rows) -> dict[sums.Row, Any]:
    """Return what is not 0 in rows."""
    found = {}
    for row, document in rows.items():
        lines = {line: +Counter(amounts) for line, amounts in sums.lines_of(document) if any(amounts.values())}
        if lines:
            found[row] = (lines, document.get("spend", 0), sums.spend_of_slots(document, -1, ""), document["names"])
    return found


@given(st.lists(completions(), max_size=12), st.data())
def test_rows_are_the_sum_of_the_documents(events: list[Completion], data: st.DataObject) -> None:
    """However the events are cut into batches, united and taken back."""
    known: dict[str, Completion] = {}
    rows: Rows = {}
    waiting = list(events)
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        batch, waiting = waiting[:size], waiting[size:]
        tally = sums.Tally()
        for request, news in once_each(batch).items():
            before = known.get(request)
            after = known[request] = merged(before, news) if before else news
            tally.add(after)
            if before:
                tally.add(before, -1)
        added(rows, tally)
    anew: Rows = {}
    tally = sums.Tally()
    for completion in known.values():
        tally.add(completion)
    added(anew, tally)
    assert figures(rows) == figures(anew)
    everything = [document for row, document in rows.items() if row.kind == "all"]
    assert sum(row.get("spend", 0) for row in everything) == sum(item.cost for item in known.values())
    assert sum(sums.totals_of(row)["requests"] for row in everything) == len(known)


@given(completions())
def test_a_request_is_summed_and_listed_for_each_of_its_scopes(completion: Completion) -> None:
    """Under one name in exactly one kind of row, and under the same on its page."""
    party = sums.party_of(completion)
    tally = sums.Tally()
    tally.add(completion)
    [page] = pages.pages([pages.entry_of(completion)])
    names = [name for change in tally.rows().values() for name in change.identity()["names"]]
    for scope in scopes_of(**party._asdict()):
        wanted = pages.Wanted.of_scope(scope)
        assert names.count(wanted.name) == 1
        assert page["names"].count(wanted.name) == 1
        assert pages.sum_of(page, wanted) == completion.cost
        assert pages.sum_of(page, pages.Wanted.of_scope(of_model(scope, "another"))) == 0


@given(completions(), st.data())
def test_an_opening_counts_for_its_scope_alone(completion: Completion, data: st.DataObject) -> None:
    """In no total, for nobody else that it names, and beside other requests on the same page."""
    scopes = scopes_of(**sums.party_of(completion)._asdict())
    if not scopes:
        return
    scope = data.draw(st.sampled_from(scopes))
    brought = msgspec.structs.replace(completion, opening=scope.text, request_id="opening")
    tally = sums.Tally()
    tally.add(brought)
    names = [name for change in tally.rows().values() for name in change.identity()["names"]]
    assert names == [pages.Wanted.of_scope(scope).name, sums.listed("opening")]
    [page] = pages.pages([pages.entry_of(brought), pages.entry_of(completion)])
    for other in (*scopes, None):
        wanted = pages.Wanted.of_scope(other) if other else pages.Wanted()
        assert pages.sum_of(page, wanted) == completion.cost * (2 if other == scope else 1)
    assert {entry.owner.opening for entry in pages.entries_on(page)} == {"", scope.text}


@given(st.lists(completions("rstuvw"), max_size=12, unique_by=lambda item: item.request_id))
def test_every_request_is_listed_once(events: list[Completion]) -> None:
    """On a page of the five seconds in which it ended, among others of the same."""
    found = pages.pages([pages.entry_of(item) for item in events])
    listed = [(page["slice"], entry) for page in found for entry in pages.entries_on(page)]
    expected = [(pages.slice_of(item.ended), pages.entry_of(item)) for item in events]
    assert sorted(listed) == sorted(expected)
    assert sum(sum(page["sums"]) for page in found) == sum(item.cost for item in events)


@given(
    st.lists(completions("rstuvw"), max_size=12, unique_by=lambda item: item.request_id),
    st.lists(completions("rstuvw"), max_size=12, unique_by=lambda item: item.request_id),
    st.sampled_from([None, True, False]),
    st.sampled_from(["", "k1"]),
)
def test_what_was_replaced_stands_where_it_went(
    before: list[Completion], after: list[Completion], failed: bool | None, key: str
) -> None:
    """And no longer where it was: the requests that stand on pages are those that documents have at the end."""
    documents = {item.request_id: item for item in before} | {item.request_id: item for item in after}
    entries = [pages.entry_of(item) for item in before]
    taken = [pages.entry_of(item, -1) for item in before if item.request_id in {other.request_id for other in after}]
    found = [*pages.pages(entries), *pages.pages([*taken, *(pages.entry_of(item) for item in after)])]
    wanted = pages.Wanted(key=key, failed=failed)
    assert pages.standing(found, wanted) == {
        (item.ended, item.request_id)
        for item in documents.values()
        if key in ("", item.key) and failed in (None, item.status >= 400)
    }


@given(st.integers(1, 60))
def test_a_page_has_few_owners(count: int) -> None:
    """So that a reader of one of them gets little of the others."""
    owners = [pages.Owner(sums.Party(f"k{n}", "", "", "", ""), "g", ()) for n in range(count)]
    found = pages.pages(pages.Entry(owner, f"r{n}", 7.0, 1, False) for n, owner in enumerate([*owners, *owners]))
    assert max(len(page["owners"]) for page in found) <= pages.MOST_OWNERS
    assert len(found) == -(-count // pages.MOST_OWNERS)


@given(st.text())
def test_any_name_can_be_a_field(name: str) -> None:
    """It is no path and no operator, and comes back as it was."""
    field = sums.escaped(name)
    assert not set(field) & {".", "$", "\0"}
    assert field
    assert sums.unescaped(field) == name


def test_names_that_served_nothing_are_not_kept() -> None:
    """A caller who asks for a thousand models that do not exist makes no row grow."""
    tally = sums.Tally()
    for number in range(1000):
        attempt = Attempt(
            id="a", deployment="d", provider="p", model=f"m{number}", started=0, ended=1, outcome="failure", status=404
        )
        tally.add(
            Completion(
                request_id=f"r{number}", route="x", dialect="openai", model_group=f"m{number}", outcome="failure",
                status=404, received=0, ended=1, attempts=(attempt,),
            )
        )  # fmt: skip
    rows: Rows = {}
    added(rows, tally)
    [row] = [document for row, document in rows.items() if row.kind == "all"]
    assert list(row["lines"]) == [sums.escaped("\x1f\x1f")]
    assert sums.totals_of(row)["failed"] == 1000


def test_a_failed_request_counts_to_its_model_group_where_that_exists() -> None:
    """Whoever looks for failures finds them by model group, deployment's provider and model."""
    attempt = Attempt(
        id="a", deployment="d", provider="p", model="m", started=0, ended=1, outcome="failure", status=500
    )  # fmt: skip
    completion = Completion(
        request_id="r", route="x", dialect="openai", model_group="chat", outcome="failure",
        status=500, received=0, ended=1, attempts=(attempt,), group_exists=True,
    )  # fmt: skip
    tally, rows = sums.Tally(), Rows()
    tally.add(completion)
    added(rows, tally)
    [row] = [document for row, document in rows.items() if row.kind == "all"]
    [(line, amounts)] = sums.lines_of(row)
    assert (line, amounts["requests"], amounts["failed"]) == (sums.Line("chat", "p", "m"), 1, 1)


def native(number: int, model: str, **facts: Any) -> Completion:
    """Return a request of a native route, which has the model's name as its caller gave it."""
    attempt = Attempt(
        id="a", deployment="d", provider="p", model=model, started=0, ended=1, outcome="success", status=200, **facts
    )
    return Completion(
        request_id=f"r{number}", route="passthrough:openai", dialect="openai", model_group=model, outcome="success",
        status=200, received=0, ended=1, attempts=(attempt,),
    )  # fmt: skip


def test_names_that_a_native_route_did_not_read_are_not_kept() -> None:
    """A provider answers a list of its models whatever the body names; the money and the requests still count."""
    tally = sums.Tally()
    for number in range(1000):
        tally.add(native(number, f"m{number}", cost=1))
    tally.add(native(1000, "real", usage=Usage(input=1)))
    rows: Rows = {}
    added(rows, tally)
    [row] = [document for row, document in rows.items() if row.kind == "all"]
    assert set(row["lines"]) == {sums.escaped("\x1f\x1f"), sums.escaped("real\x1fp\x1freal")}
    assert (sums.totals_of(row)["requests"], row["spend"]) == (1001, 1000)


def test_a_separator_in_a_models_name_leaves_a_row_readable() -> None:
    """Callers of native routes write names as they like, and every sum reads every line."""
    tally = sums.Tally()
    tally.add(native(1, "a\x1fb\x1fc", usage=Usage(input=1), cost=7))
    rows: Rows = {}
    added(rows, tally)
    for row in rows.values():
        assert [line for line, _ in sums.lines_of(row)] == [("a b c", "p", "a b c")]
        assert sums.spend_of_row(row, "g") == 0
        assert sums.spend_of_row(row, "") == 7


def test_of_a_scope_that_has_no_money_nothing_is_asked() -> None:
    """Deployments have limits, and no budgets."""
    assert pages.Wanted.of_scope(Scope("model_group", "g")) == pages.Wanted(group="g")
    with pytest.raises(ValueError, match="deployment"):
        pages.Wanted.of_scope(Scope("deployment", "d"))
