import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tollway.demo_provider.arguments import arguments_for
from tollway.demo_provider.ask import Ask, Tool
from tollway.demo_provider.behaviour import Behaviour
from tollway.demo_provider.text import PLAIN, answer_for, awkward_pieces_of, pieces_of

ASK = Ask(model="demo", last_user="nonce: grüezi 😀 mitenand")


@given(st.text(max_size=80))
@settings(max_examples=100)
def test_pieces_join_to_the_text(text: str) -> None:
    """Splitting loses and adds nothing, whichever way."""
    assert "".join(pieces_of(text)) == "".join(awkward_pieces_of(text)) == text


@given(
    tokens=st.integers(0, 40),
    reasoning=st.integers(0, 10),
    tools=st.integers(0, 3),
    limit=st.integers(1, 50),
)
@settings(max_examples=100)
def test_answers_honour_max_tokens(tokens: int, reasoning: int, tools: int, limit: int) -> None:
    """No answer is longer than allowed, and one that was shortened says so."""
    ask = Ask(model="demo", max_tokens=limit, tools=(Tool("f", {}),))
    behaviour = Behaviour(tokens=tokens, reasoning=reasoning, tools=tools)
    whole = answer_for(Ask(model="demo", tools=ask.tools), behaviour)
    answer = answer_for(ask, behaviour)
    assert (answer.size, answer.finish == "length") == (min(limit, whole.size), whole.size > limit)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [(Behaviour(), PLAIN), (Behaviour(echo=True), ASK.last_user), (Behaviour(tokens=2), "Hello from ")],
)
def test_text_of_an_answer(behaviour: Behaviour, expected: str) -> None:
    """The answer is the greeting, the caller's own words, or as long as was asked for."""
    assert "".join(answer_for(ASK, behaviour).pieces) == expected


def test_answer_ends_before_a_stop_sequence() -> None:
    """The earliest of the stop sequences ends the text, even within a piece."""
    answer = answer_for(Ask(model="demo", stop=("model", "way's")), Behaviour())
    assert ("".join(answer.pieces), answer.finish) == ("Hello from Toll", "stop:way's")


def test_tool_result_ends_the_calling() -> None:
    """A model that always calls a tool answers once it has the result."""
    answer = answer_for(Ask(model="demo", tool_result="21 °C"), Behaviour(tool="f"))
    assert "".join(answer.pieces) == "The tool answered: 21 °C"


def test_arguments_fit_the_schema() -> None:
    """Arguments are made from the types, constants and enumerations of the schema."""
    schema = {
        "type": "object",
        "properties": {
            "unit": {"enum": ["celsius", "kelvin"]},
            "days": {"type": "integer"},
            "places": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
        },
    }
    made = msgspec.json.decode("".join(arguments_for(schema)))
    assert made == {"unit": "celsius", "days": 3, "places": [{"name": "Zürich"}]}


@given(
    st.dictionaries(
        st.sampled_from(["type", "properties", "items", "enum", "anyOf"]),
        st.none() | st.text(max_size=5) | st.lists(st.integers(), max_size=2) | st.dictionaries(st.text(), st.none()),
    )
)
@settings(max_examples=100)
def test_any_schema_gives_json(schema: dict[str, object]) -> None:
    """A schema that makes no sense still gives arguments that are JSON."""
    msgspec.json.decode("".join(arguments_for(schema)))
