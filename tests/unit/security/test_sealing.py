"""Sealed secrets open for their own object and key, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.security.sealing import VERSION, SealBroken, is_sealed_under, seal, unseal

KEY = bytes(range(32))
text = st.text(st.characters(exclude_categories=("Cs",)))


@given(plain=text, context=text)
def test_a_sealed_secret_opens_again(plain: str, context: str) -> None:
    """Any text comes back as it was, for any context."""
    assert unseal(seal(plain, KEY, context), KEY, context) == plain


def test_the_same_secret_is_never_sealed_alike() -> None:
    """Equal credentials cannot be told from what is stored."""
    assert seal("secret", KEY, "a") != seal("secret", KEY, "a")


def test_the_secret_does_not_show() -> None:
    """What is stored holds nothing of the secret but its version."""
    sealed = seal("sk-provider", KEY, "a")
    assert sealed.startswith(VERSION)
    assert "sk-provider" not in sealed


@given(other=text.filter(lambda value: value != "a"))
def test_a_secret_moved_to_another_object_does_not_open(other: str) -> None:
    """A credential copied into another deployment's document is refused."""
    with pytest.raises(SealBroken):
        unseal(seal("secret", KEY, "a"), KEY, other)


@given(position=st.integers(0, 47), bit=st.integers(0, 5))
def test_a_changed_secret_does_not_open(position: int, bit: int) -> None:
    """Any changed character is noticed."""
    sealed = seal("eight by", KEY, "a")
    index = len(VERSION) + position
    changed = sealed[:index] + chr(ord(sealed[index]) ^ (1 << bit)) + sealed[index + 1 :]
    with pytest.raises(SealBroken):
        unseal(changed, KEY, "a")


@pytest.mark.parametrize("sealed", ["", "secret", VERSION, VERSION + "x", VERSION + "AAAA", "tw9:AAAA", VERSION + "é"])
def test_what_was_never_sealed_is_refused(sealed: str) -> None:
    """Whatever stands in the database, opening it fails in one way."""
    with pytest.raises(SealBroken):
        unseal(sealed, KEY, "a")


def test_another_key_opens_nothing() -> None:
    """The message does not hold the secret."""
    with pytest.raises(SealBroken, match="another encryption key"):
        unseal(seal("secret", KEY, "a"), KEY[::-1], "a")


@pytest.mark.parametrize("key", [b"", b"short", bytes(16), bytes(33)])
def test_a_key_of_another_size_is_refused(key: bytes) -> None:
    """AES-128 is not used by mistake."""
    with pytest.raises(SealBroken, match="32 bytes"):
        seal("secret", key, "a")


def test_any_of_several_keys_opens() -> None:
    """While one follows another; which one sealed is known."""
    old, new = KEY, KEY[::-1]
    sealed = seal("secret", old, "a")
    assert unseal(sealed, (new, old), "a") == "secret"
    assert (is_sealed_under(sealed, old, "a"), is_sealed_under(sealed, new, "a")) == (True, False)
    with pytest.raises(SealBroken):
        unseal(sealed, (new,), "a")
    with pytest.raises(SealBroken):
        unseal(sealed, (), "a")
