"""LiteLLM's ciphers."""

import base64
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.secret import SecretBox

from tests.support.litellm_database import encrypted, encrypted_by_aes
from tollway.litellm.decryption import NotOpened, SaltKey, sealed_bytes


@given(st.text(max_size=60), st.text(min_size=1, max_size=20))
def test_what_litellm_encrypts_is_opened(value: str, salt: str) -> None:
    """By either cipher, and in the older base64 too."""
    key = SaltKey(salt)
    assert key.opened(encrypted(value, salt)) == value
    assert key.opened(encrypted_by_aes(value, salt)) == value
    box = SecretBox(sha256(salt.encode()).digest())
    assert key.opened(base64.b64encode(bytes(box.encrypt(value.encode()))).decode()) == value


@given(st.text(max_size=60), st.sampled_from([encrypted, encrypted_by_aes]))
def test_another_salt_key_opens_nothing(value: str, cipher: "type[str]") -> None:
    """And says so."""
    with pytest.raises(NotOpened):
        SaltKey("other").opened(cipher(value, "salt"))


@pytest.mark.parametrize(
    "value", ["", "gpt-4.1", "openai/gpt-4.1", "https://example.com/v1", "os.environ/OPENAI_API_KEY", "abcd", "é"]
)
def test_what_is_in_clear_stays_so(value: str) -> None:
    """LiteLLM reads rows from before it encrypted them."""
    assert sealed_bytes(value) is None
    assert SaltKey("salt").opened(value) == value


@given(st.text(max_size=40).filter(lambda text: not text.isascii() or len(text) < 30))
def test_any_text_is_read_or_refused(value: str) -> None:
    """Nothing else is raised."""
    for text in (value, f"v2:gcm:{value}"):
        try:
            SaltKey("salt").opened(text)
        except NotOpened:
            continue
    assert "salt" not in repr(SaltKey("salt"))
