"""Completions of every kind, a few ids and moments of which meet."""

from hypothesis import strategies as st

from shared.pricing.usage import Usage
from shared.schemas.events import Attempt, Completion

small = st.integers(0, 1000)
usages = st.builds(Usage, input=small, output=small, cache_read=small, reasoning=small)


@st.composite
def attempts(draw: st.DrawFn, id: str) -> Attempt:
    """Return an attempt of that id."""
    return Attempt(
        id=id, deployment="d", provider=draw(st.sampled_from(["demo", "openai"])),
        model=draw(st.sampled_from(["demo", "gpt-4.1", "$m%", ""])), started=float(ord(id[-1])), ended=1.0,
        outcome=draw(st.sampled_from(["success", "failure", "lost"])), usage=draw(usages),
        cost=draw(st.integers(0, 10**9)), unpriced=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def completions(draw: st.DrawFn, ids: str = "rst", names: str = "abc") -> Completion:
    """Return an event of one of a few requests, with some of a few attempts."""
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    request = draw(st.sampled_from(ids))
    return Completion(
        request_id=request, route="chat_completions", dialect="openai",
        model_group=draw(st.sampled_from(["g", "g.h", "", "%2E"])), outcome="success",
        status=draw(st.sampled_from([200, 502])), received=0.0, ended=draw(st.floats(0, 1e6)),
        key=draw(st.sampled_from(["", "k1", "k2"])), user=draw(st.sampled_from(["", "u1", "u2"])),
        team=draw(st.sampled_from(["", "t1", "t2"])), organization=draw(st.sampled_from(["", "o"])),
        end_user=draw(st.sampled_from(["", "c1", "c2"])), estimated=draw(st.booleans()),
        tags=tuple(draw(st.lists(st.sampled_from(["a", "b", "a"]), max_size=2))),
        attempts=tuple(draw(attempts(request + name)) for name in sorted(chosen)),
        group_exists=draw(st.booleans()),
    )  # fmt: skip
