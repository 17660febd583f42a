"""Where a caller's key stands, and which of them is a token."""

import pytest
from multidict import CIMultiDict

from services.edge.domain.credentials import MAX_KEY, find_key, is_jwt
from services.edge.domain.natives import forwarded_headers
from shared.errors import Unauthenticated
from shared.security.keys import new_key


@pytest.mark.parametrize("token", ["eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln", "eyJhbGciOiJub25lIn0.eyJhIjoxfQ."])
def test_three_parts_of_which_the_first_is_an_object_are_a_token(token: str) -> None:
    """Also one without a signature, so that it is refused as what it is."""
    assert is_jwt(token)


@pytest.mark.parametrize(
    "key",
    [
        *("", "sk-1234", "sk-a.b.c", "eyJhbGciOiJSUzI1NiJ9", "eyJh.eyJh", "eyJh.eyJh.c2ln.c2ln", "eyJh..c2ln"),
        *("eyJh.eyJh.c2l+", "eyJh.eyJh.c2ln\n", "eyJh.eyJh.ü", "a.b.c", "eyJh.eyJh.c2ln.."),
    ],
)
def test_anything_else_is_a_key(key: str) -> None:
    """What Tollway makes, what LiteLLM made, and what is neither."""
    assert not is_jwt(key)
    assert not is_jwt(new_key())


def test_what_is_longer_than_any_token_is_refused() -> None:
    """Before it is hashed or sent anywhere."""
    assert find_key({"authorization": "Bearer " + "a" * MAX_KEY}) == "a" * MAX_KEY
    with pytest.raises(Unauthenticated, match="longer"):
        find_key({"authorization": "Bearer " + "a" * (MAX_KEY + 1)})


def test_one_header_may_be_the_operators_own() -> None:
    """It comes before all others, with or without `Bearer`, and goes to no provider; unless it is set, it is none."""
    headers = {"X-Corp-Key": "Bearer sk-theirs", "Authorization": "Bearer sk-other"}
    sent = CIMultiDict(headers)
    assert find_key(sent, "x-corp-key") == "sk-theirs"
    assert find_key(sent) == "sk-other"
    assert find_key(CIMultiDict({"x-corp-key": "sk-plain"}), "X-Corp-Key") == "sk-plain"
    with pytest.raises(Unauthenticated, match="No API key"):
        find_key(CIMultiDict({"x-corp-key": "sk-plain"}))
    assert forwarded_headers(tuple(headers.items()), "sk-theirs", "x-corp-key") == ()
