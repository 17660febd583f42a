"""A configuration file is read whole or not at all, also while somebody writes it."""

import threading
from pathlib import Path

import pytest

from shared.settings import ConfigurationError, load
from shared.settings.reread import ConfigurationFile


def test_the_digest_is_that_of_what_was_read(tmp_path: Path) -> None:
    """The same bytes have the same digest; no file has none."""
    path = tmp_path / "tollway.yaml"
    path.write_text("demo: false\n")
    file = ConfigurationFile(path, lambda: load(path, {}))
    configuration, digest = file.read()
    assert (configuration.demo, digest) == (False, file.digest())
    path.write_text("demo: true\n")
    assert file.digest() != digest
    assert ConfigurationFile(None, lambda: load(None, {})).read()[1] == ""


def test_a_file_that_is_written_meanwhile_is_read_again(tmp_path: Path) -> None:
    """What is returned is one version of it."""
    path = tmp_path / "tollway.yaml"
    path.write_text("models: []\n")
    written = threading.Event()

    def slowly() -> object:
        found = load(path, {})
        if not written.is_set():
            path.write_text("demo: false\n")
            written.set()
        return found

    configuration, digest = ConfigurationFile(path, slowly).read()  # type: ignore[arg-type]
    assert configuration.demo is False
    assert digest == ConfigurationFile(path, slowly).digest()  # type: ignore[arg-type]


def test_a_file_that_is_gone_or_wrong_says_so(tmp_path: Path) -> None:
    """Whoever follows it keeps what it had."""
    path = tmp_path / "tollway.yaml"
    file = ConfigurationFile(path, lambda: load(path, {}))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        file.read()
    path.write_text("serverr: {}\n")
    with pytest.raises(ConfigurationError, match="server"):
        file.read()
