"""Keys that do not exist, by the thousand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.strangers import ADDRESS_BURST, ADDRESS_PER_SECOND, ADDRESSES, BURST, PER_SECOND, Strangers
from shared.errors import RateLimited, Unavailable


def tried(strangers: Strangers, address: str, now: float, number: int) -> int:
    """Try so many keys that do not exist; return how many of them were looked up."""
    made = 0
    for _ in range(number):
        try:
            strangers.check(address, now)
        except (RateLimited, Unavailable):
            continue
        strangers.note(address, now)
        made += 1
    return made


def test_an_address_has_a_burst_and_then_a_rate() -> None:
    """Others are not touched by it; what it waited comes back, up to the burst."""
    strangers = Strangers(0.0)
    assert tried(strangers, "a", 0.0, 1000) == ADDRESS_BURST
    assert tried(strangers, "b", 0.0, 10) == 10
    assert tried(strangers, "a", 1.0, 1000) == ADDRESS_PER_SECOND
    assert tried(strangers, "a", 1e6, 1000) == ADDRESS_BURST
    assert strangers.turned_away == 900 + 990 + 900


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "not an address", False),
    ],
)
def test_a_network_that_one_host_has_is_one_address(one: str, other: str, same: bool) -> None:
    """Who has a /64 of IPv6 has no more guesses than who has one address, and does not use up everybody's."""
    strangers = Strangers(0.0)
    assert tried(strangers, one, 0.0, ADDRESS_BURST + 1) == ADDRESS_BURST
    assert tried(strangers, other, 0.0, 1) == (0 if same else 1)


def test_the_wait_that_is_told_is_right() -> None:
    """After it there is one look-up again."""
    strangers = Strangers(0.0)
    tried(strangers, "a", 0.0, ADDRESS_BURST)
    with pytest.raises(RateLimited) as refused:
        strangers.check("a", 0.0)
    assert refused.value.retry_after is not None
    strangers.check("a", refused.value.retry_after + 1e-9)


def test_many_at_once_are_waited_for() -> None:
    """What was looked up before the first answer came counts; the wait for it has an end."""
    strangers = Strangers(0.0)
    for _ in range(10_000):
        strangers.note("a", 0.0)
    with pytest.raises(RateLimited) as refused:
        strangers.check("a", 0.0)
    assert refused.value.retry_after is not None
    assert refused.value.retry_after <= ADDRESS_BURST / ADDRESS_PER_SECOND + 1


@given(st.lists(st.tuples(st.integers(0, 50_000), st.floats(0, 2)), max_size=200))
def test_all_addresses_together_have_a_bound(steps: list[tuple[int, float]]) -> None:
    """Whoever asks, no more is looked up than the burst and what came back since; and what is kept is bounded."""
    strangers, now, made = Strangers(0.0), 0.0, 0
    for address, pause in steps:
        now += pause
        made += tried(strangers, str(address), now, 60)
    assert made <= BURST + PER_SECOND * now + 1
    assert len(strangers) <= ADDRESSES
