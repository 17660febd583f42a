"""A worker goes by the version of the configuration file that was applied."""

from pathlib import Path
from typing import Any

from shared.catalog.following import FileFollower
from shared.schemas.control import Change
from shared.settings import Configuration, load
from shared.settings.reread import ConfigurationFile


class Following:
    """A file, and what was made of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = ConfigurationFile(path, lambda: load(path, {}))
        self.applied: list[Configuration] = []
        self.follower = FileFollower(self.file, self.applied.append)

    def say(self, kind: Any = "configuration") -> None:
        """Tell that the file as it is now was applied."""
        self.follower.changed(Change(1, kind, self.file.digest()))


async def test_an_applied_file_is_taken_up(tmp_path: Path, eventually: Any) -> None:
    """And a change of something else is no reason to read it."""
    following = Following(tmp_path / "tollway.yaml")
    following.path.write_text("demo: false\n")
    following.say("model")
    following.say()
    await eventually(lambda: len(following.applied) == 1, 5)
    assert following.applied[0].demo is False
    await following.follower.close()


async def test_another_version_is_waited_for(tmp_path: Path, eventually: Any) -> None:
    """A copy that comes late, or a mistake that was made after the file was applied, changes nothing meanwhile."""
    following = Following(tmp_path / "tollway.yaml")
    following.path.write_text("demo: false\n")
    digest = following.file.digest()
    following.path.write_text("serverr: {}\n")
    following.follower.changed(Change(1, "configuration", digest))
    reads = 0

    def counted() -> Configuration:
        nonlocal reads
        reads += 1
        return load(following.path, {})

    object.__setattr__(following.file, "load", counted)
    await eventually(lambda: reads > 0, 5)
    assert following.applied == []
    following.path.write_text("demo: false\n")
    await eventually(lambda: len(following.applied) == 1, 5)
    await following.follower.close()


async def test_without_a_file_nothing_is_followed() -> None:
    """As in a process whose configuration was handed to it."""
    applied: list[Configuration] = []
    follower = FileFollower(None, applied.append)
    follower.changed(Change(1, "configuration", ""))
    await follower.close()
    assert applied == []
