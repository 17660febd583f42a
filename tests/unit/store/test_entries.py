"""Completions as documents, united, summed and listed: the arithmetic of the ledger."""

import functools

import bson
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.schemas.events import Attempt, Completion
from shared.store import entries
from tests.support.completions import completions


@given(completions())
def test_a_document_holds_its_completion(completion: Completion) -> None:
    """It can be stored, read back, and shown with every field."""
    stored = bson.decode(bson.encode(entries.document(completion)))
    assert entries.completion_of(stored) == completion
    shown = entries.shown(stored)
    fields = msgspec.structs.asdict(completion)
    assert shown["_id"] == fields.pop("request_id")
    for name in ("tags", "guardrails"):
        fields[name] = list(fields[name])
    fields["attempts"] = [
        msgspec.structs.asdict(attempt) | {"usage": msgspec.structs.asdict(attempt.usage)}
        for attempt in completion.attempts
    ]
    assert {name: shown[name] for name in fields} == fields
    assert shown["cost"] == completion.cost
    assert shown["prompt_tokens"] == stored["prompt_tokens"]


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


def _verdict(of: Completion) -> Completion:
    """Return what a guardrail says of a request's answer."""
    return msgspec.structs.replace(
        of, attempts=(), outcome="failure", status=400, error_code="content_blocked", blocked_by="words",
        ended=of.ended + 1, tags=(), estimated=False,
    )  # fmt: skip


@given(completions("r", "ab"), st.permutations(["real", "verdict", "verdict", "lost", "real"]))
def test_a_guardrails_verdict_and_what_was_used_make_one_document_in_any_order(
    one: Completion, order: list[str]
) -> None:
    """It ended as the guardrail says; all else is as the router says, whatever comes first or comes again."""
    paid = Attempt(id="r-1-1", deployment="d", provider="p", model="m", started=0, ended=0, outcome="success", cost=7)
    real = msgspec.structs.replace(one, estimated=False, attempts=(*one.attempts, paid))
    given_up = msgspec.structs.replace(paid, outcome="lost", cost=3)
    lost = msgspec.structs.replace(one, estimated=True, outcome="lost", status=502, attempts=(given_up,))
    events = {"real": real, "verdict": _verdict(one), "lost": lost}
    united = functools.reduce(entries.merged, [events[name] for name in order])
    assert united == msgspec.structs.replace(
        real,
        attempts=tuple(sorted(real.attempts, key=lambda attempt: (attempt.started, attempt.id))),
        outcome="failure", status=400, error_code="content_blocked", blocked_by="words",
    )  # fmt: skip


@given(completions("r", "a"))
def test_a_verdict_replaces_nothing_that_is_not_known_better(one: Completion) -> None:
    """While the router's event is on its way, an estimate stays one beside the verdict."""
    lost = msgspec.structs.replace(one, estimated=True)
    for united in (entries.merged(lost, _verdict(one)), entries.merged(_verdict(one), lost)):
        assert (united.estimated, united.attempts, united.ended) == (True, lost.attempts, lost.ended)
        assert (united.status, united.blocked_by) == (400, "words")


def test_an_attempt_without_a_price_makes_its_request_unpriced() -> None:
    """Whatever it used: nobody may have metered what nobody priced."""
    attempt = Attempt(id="a", deployment="d", provider="p", model="m", started=0, ended=0, outcome="success")
    priced = Completion(
        request_id="r", route="x", dialect="openai", model_group="m", outcome="success", status=200, received=0,
        ended=0, attempts=(attempt,),
    )  # fmt: skip
    assert not entries.shown(entries.document(priced))["unpriced"]
    other = msgspec.structs.replace(attempt, id="b", unpriced=True)
    unpriced = msgspec.structs.replace(priced, attempts=(attempt, other))
    assert entries.shown(entries.document(unpriced))["unpriced"]
