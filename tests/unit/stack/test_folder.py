"""The data folder, and what of it others may read."""

from pathlib import Path

from tollway.stack.folder import DataFolder


def mode(path: Path) -> int:
    """Return the permissions of a file or folder."""
    return path.stat().st_mode & 0o777


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    """So is everything in it."""
    folder = DataFolder(tmp_path / "data")
    folder.hold()
    assert {mode(path) for path in (folder.path, folder.secrets, folder.nats, folder.store, folder.logs)} == {0o700}
    folder.release()


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    """It may be anybody's, `/tmp` say; what is put into it is the owner's alone all the same."""
    tmp_path.chmod(0o755)
    folder = DataFolder(tmp_path)
    folder.hold()
    assert mode(tmp_path) == 0o755
    assert {mode(path) for path in (folder.secrets, folder.nats, folder.store, folder.logs)} == {0o700}
    folder.release()
