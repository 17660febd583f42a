"""What is said of a file whose objects were refused, and of one that cannot be used at all."""

import json
from pathlib import Path

from shared.settings import ConfigurationError
from tollway.stack.declared import REFUSED_EVENT, refused, unusable


def test_the_last_refusal_in_the_log_is_the_one_that_counts(tmp_path: Path) -> None:
    """Whatever was logged after it."""
    log = tmp_path / "admin.log"
    lines = [
        {"event": REFUSED_EVENT, "reason": "An older one."},
        {"event": REFUSED_EVENT, "reason": "tollway.yaml:6: There is no team 'x'."},
        {"event": "service.ready", "reason": "none"},
    ]
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert "Reason: tollway.yaml:6: There is no team 'x'. Correct it" in refused(log)


def test_a_log_that_says_nothing_is_named(tmp_path: Path) -> None:
    """So that somebody can look; where the log goes to the terminal it is there."""
    log = tmp_path / "admin.log"
    assert f"Reason: its log is {log}. " in refused(log)
    log.write_text("not a word of it\n")
    assert f"Reason: its log is {log}. " in refused(log)
    assert f"see '{REFUSED_EVENT}' above" in refused(None)


def test_a_wrong_file_is_one_sentence() -> None:
    """The first mistake, and how many there are beside it."""
    assert unusable(ConfigurationError("The file is empty.")).endswith("is wrong: The file is empty.")
