import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollway.demo_provider.behaviour import Behaviour, UnknownBehaviourError, behaviour_of


def test_plain_model_behaves_well() -> None:
    """A model's name without options asks for nothing special."""
    assert behaviour_of("demo") == Behaviour()


def test_options_of_a_model_name() -> None:
    """Options follow the name, separated by semicolons, with units where they have any."""
    expected = Behaviour(latency=0.2, tokens=100, rate=50.0, error=429, retry_after="2", cut=5, tool="get_weather")
    model = "demo;latency=200ms;tokens=100;rate=50/s;error=429;retry_after=2;cut=5;tool=get_weather"
    assert behaviour_of(model) == expected


def test_header_wins_over_model() -> None:
    """The header replaces an option of the name and leaves the others."""
    assert behaviour_of("demo;tokens=3;cut=1", "tokens=5") == Behaviour(tokens=5, cut=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo", Behaviour(echo=True)),
        ("usage=none", Behaviour(usage=False)),
        ("error_event", Behaviour(error_after=0)),
        ("length", Behaviour(length="long")),
        ("length=short", Behaviour(length="short")),
        ("hang=first_byte", Behaviour(hang="first_byte")),
        ("latency=1.5s", Behaviour(latency=1.5)),
        ("show", Behaviour(show="body")),
    ],
)
def test_single_options(text: str, expected: Behaviour) -> None:
    """Each option stands alone, too."""
    assert behaviour_of(f"demo;{text}") == expected


@pytest.mark.parametrize(
    "text", ["nonsense", "cut", "cut=-1", "error=200", "hang=later", "latency=fast", "tokens=9999999", "rate=0"]
)
def test_unknown_options_are_refused(text: str) -> None:
    """A misspelt behaviour is an error, not the plain answer."""
    with pytest.raises(UnknownBehaviourError, match=text):
        behaviour_of(f"demo;{text}")


@given(st.text(max_size=60))
@settings(max_examples=100)
def test_any_header_is_read_or_refused(header: str) -> None:
    """No text makes the parser fail in any other way."""
    with contextlib.suppress(UnknownBehaviourError):
        behaviour_of("demo", header)


def test_without_faults_keeps_the_answer() -> None:
    """What is answered stays when only the misbehaviour is over."""
    assert behaviour_of("demo;tokens=3;error=500;first=2").without_faults() == Behaviour(tokens=3)
