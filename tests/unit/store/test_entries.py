"""Completions as documents, united, summed and listed: the arithmetic of the ledger."""

from collections import Counter

import bson
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion
from shared.store import entries

small = st.integers(0, 1000)
usages = st.builds(Usage, input=small, output=small, cache_read=small, reasoning=small)


@st.composite
def attempts(draw: st.DrawFn, id: str) -> Attempt:
    """Return an attempt of that id."""
    return Attempt(
        id=id, deployment="d", provider="demo", model="demo", started=float(ord(id[-1])), ended=1.0,
        outcome=draw(st.sampled_from(["success", "failure", "lost"])), usage=draw(usages),
        cost=draw(st.integers(0, 10**9)), unpriced=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def completions(draw: st.DrawFn, ids: str = "rst", names: str = "abc") -> Completion:
    """Return an event of one of a few requests, with some of a few attempts."""
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    request = draw(st.sampled_from(ids))
    return Completion(
        request_id=request, route="chat_completions", dialect="openai", model_group="demo", outcome="success",
        status=draw(st.sampled_from([200, 502])), received=0.0, ended=draw(st.floats(0, 1e6)),
        key=draw(st.sampled_from(["", "k1", "k2"])), estimated=draw(st.booleans()),
        attempts=tuple(draw(attempts(request + name)) for name in sorted(chosen)),
    )  # fmt: skip


def totals(tally: entries.Tally, scope: str) -> Counter[str]:
    """Return the sums of a scope's rollups."""
    found: Counter[str] = Counter()
    for (name, _, _), amounts in tally.moved():
        if name == scope:
            found.update(amounts)
    return found


@given(completions())
def test_a_document_holds_its_completion(completion: Completion) -> None:
    """It can be stored, read back, and shown with every field."""
    stored = bson.decode(bson.encode(entries.document(completion)))
    assert entries.completion_of(stored) == completion
    shown = entries.shown(stored)
    assert set(msgspec.structs.asdict(completion)) - {"request_id"} <= set(shown)
    assert shown["cost"] == completion.cost
    assert shown["prompt_tokens"] == stored["prompt_tokens"]
    assert [item["usage"]["output"] for item in shown["attempts"]] == [a.usage.output for a in completion.attempts]


@given(completions("r"))
def test_a_repeat_changes_nothing(completion: Completion) -> None:
    """The same event again leaves the document as it is."""
    assert entries.merged(completion, completion) == completion


@given(completions("r", "a"), completions("r", "b"))
def test_attempts_of_different_ids_all_count(left: Completion, right: Completion) -> None:
    """A second paid attempt is no repeat of the first, in either order."""
    for one, other in ((left, right), (right, left)):
        assert entries.merged(one, other).cost == left.cost + right.cost


@given(completions("r"), completions("r"))
def test_an_estimate_gives_way_to_what_really_happened_in_either_order(one: Completion, other: Completion) -> None:
    """What the real event says about an attempt and about the request stands."""
    estimate = msgspec.structs.replace(one, estimated=True)
    real = msgspec.structs.replace(other, estimated=False)
    for united in (entries.merged(estimate, real), entries.merged(real, estimate)):
        assert not united.estimated
        assert (united.ended, united.status, united.key) == (real.ended, real.status, real.key)
        known = {attempt.id: attempt for attempt in united.attempts}
        for attempt in real.attempts:
            assert known[attempt.id] == attempt or attempt.outcome == "lost"


@given(st.lists(completions(), max_size=12), st.data())
def test_rollups_are_the_sum_of_the_documents(events: list[Completion], data: st.DataObject) -> None:
    """However the events are cut into batches, united and taken back."""
    known: dict[str, Completion] = {}
    sums: dict[str, Counter[str]] = {scope: Counter() for scope in entries.SCOPES}
    waiting = list(events)
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        batch, waiting = waiting[:size], waiting[size:]
        tally = entries.Tally()
        for request, news in entries.once_each(batch).items():
            before = known.get(request)
            after = known[request] = entries.merged(before, news) if before else news
            tally.add(after, entries.document(after))
            if before:
                tally.add(before, entries.document(before), -1)
        for scope, found in sums.items():
            found.update(totals(tally, scope))
    expected = entries.Tally()
    for completion in known.values():
        expected.add(completion, entries.document(completion))
    for scope, found in sums.items():
        assert +found == totals(expected, scope)
    assert sums["all"]["spend"] == sum(completion.cost for completion in known.values())
    assert sums["key"]["requests"] == len(known)


@given(st.lists(completions("rstuvw"), max_size=12, unique_by=lambda item: item.request_id))
def test_every_document_is_listed_once_in_each_scope(events: list[Completion]) -> None:
    """Under the id it belongs to and the minute in which it ended."""
    for scope, field in entries.SCOPES.items():
        listed = [
            (page["id"], request, ended)
            for page in entries.pages(events)
            if page["scope"] == scope
            for request, ended in zip(page["requests"], page["ended"], strict=True)
            if entries.minute(ended) == page["minute"]
        ]
        expected = [(getattr(item, field) if field else "", item.request_id, item.ended) for item in events]
        assert sorted(listed) == sorted(expected)


def test_an_attempt_without_a_price_makes_its_request_unpriced() -> None:
    """Whatever it used: nobody may have metered what nobody priced."""
    attempt = Attempt(id="a", deployment="d", provider="p", model="m", started=0, ended=0, outcome="success")
    priced = Completion(
        request_id="r", route="x", dialect="openai", model_group="m", outcome="success", status=200, received=0,
        ended=0, attempts=(attempt,),
    )  # fmt: skip
    assert not entries.unpriced(priced)
    other = msgspec.structs.replace(attempt, id="b", unpriced=True)
    assert entries.unpriced(msgspec.structs.replace(priced, attempts=(attempt, other)))
