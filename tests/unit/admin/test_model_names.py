"""Names of models in requests."""

from services.admin.domain.model_names import MOST_CHARACTERS, MOST_SHOWN, header_of, names_in


def test_the_names_in_a_body_are_those_that_must_be_models() -> None:
    """Each once; wildcards, LiteLLM's words and the body's own aliases are left out, and so is what is no list."""
    body = {"models": ["a", "a", "openai/*", "all-team-models", "short"], "aliases": {"short": "a"}}
    assert names_in(body) == ["a"]
    assert names_in({"models": "a", "allowed_models": ["b"]}) == ["b"]


def test_a_header_holds_any_name() -> None:
    """What would break a header or its list is escaped, and a long list is cut with a word about it."""
    assert header_of(["gpt-5 mini", "gr\u00f6\u00dfe", "a,b\r\nx: y"]) == "gpt-5 mini, gr%C3%B6%C3%9Fe, a%2Cb%0D%0Ax: y"
    assert header_of([str(number) for number in range(MOST_SHOWN + 3)]).endswith("19, and 3 more")


def test_a_header_stays_short_whatever_the_names() -> None:
    """Proxies refuse an answer with long headers, and the change that it tells of is made already."""
    long = ["\U0001f600" * 256 for _ in range(MOST_SHOWN)]
    assert header_of(long) == f"and {MOST_SHOWN} more"
    some = header_of([f"{number:0100}" for number in range(MOST_SHOWN)])
    assert len(some) <= MOST_CHARACTERS + len(", and 20 more")
    assert some.endswith(", and 1 more")
