"""Files that are read before the store reads them."""

from pathlib import Path

from tollway.stack.read_ahead import BLOCK, ReadAhead, budget_of_system


def filled(folder: Path, **sizes: int) -> Path:
    """Make files of so many bytes."""
    for name, size in sizes.items():
        (folder / f"{name}.wt").write_bytes(b"x" * size)
    return folder


def test_all_tables_of_documents_are_read_and_nothing_else(tmp_path: Path) -> None:
    """Whatever their length; other tables are not what the start reads."""
    folder = filled(
        tmp_path, secantus_documents_sh0=BLOCK + 5, secantus_documents_sh10=0, secantus_documents_sh2=7,
        secantus_index_entries=BLOCK,
    )  # fmt: skip
    ahead = ReadAhead(folder)
    while ahead.some(0.01):
        pass
    assert ahead.done == BLOCK + 12


def test_a_piece_at_a_time_is_read(tmp_path: Path) -> None:
    """With no time at all one block is read, and the next call goes on."""
    ahead = ReadAhead(filled(tmp_path, secantus_documents_sh0=3 * BLOCK))
    assert ahead.some(-1)
    assert ahead.done == BLOCK
    assert ahead.some(-1)
    assert ahead.done == 2 * BLOCK


def test_no_more_is_read_than_there_is_memory_for(tmp_path: Path) -> None:
    """Reading ends with the budget; the system's own says that something may be read."""
    ahead = ReadAhead(filled(tmp_path, secantus_documents_sh0=5 * BLOCK), budget=2 * BLOCK)
    while ahead.some(1):
        pass
    assert ahead.done == 2 * BLOCK
    assert budget_of_system() > 0


def test_a_folder_without_a_store_has_nothing_to_read(tmp_path: Path) -> None:
    """As before the first start."""
    ahead = ReadAhead(tmp_path / "none")
    assert not ahead.some(1)
    assert ahead.done == 0


def test_a_file_that_cannot_be_read_is_left_to_the_store(tmp_path: Path) -> None:
    """A folder in its place, here."""
    (tmp_path / "secantus_documents_sh0.wt").mkdir()
    assert not ReadAhead(tmp_path).some(1)
