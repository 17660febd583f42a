"""What is read from /proc."""

from pathlib import Path

from benchmarks.cpu import Memory, Stat, cpu_seconds, memory, owners, parse_rollup, parse_stat

_STAT = "{pid} ({name}) S {parent} 1 1 0 -1 4194304 101 0 0 0 {user} {system} 50 0 20 0 1 0 66778 3133440 418\n"


def test_stat_is_read_past_a_name_with_blanks_and_brackets() -> None:
    """The name of a process may hold anything; time of children that ended counts."""
    line = _STAT.format(pid=7, name="a (b) c", parent=3, user=120, system=30)
    assert parse_stat(line) == Stat(parent=3, seconds=2.0)


def test_rollup_is_read_in_bytes() -> None:
    """The kernel tells kilobytes."""
    text = "5603baf12000-7ffd01a60000 ---p 00000000 00:00 0 [rollup]\nRss: 1728 kB\nPss: 367 kB\nPss_Dirty: 116 kB\n"
    assert parse_rollup(text) == Memory(pss=367 * 1024, rss=1728 * 1024)


def test_a_process_belongs_to_its_nearest_named_ancestor() -> None:
    """A supervisor's own helper counts with the supervisor, a service's helper with the service."""
    parents = {1: 0, 10: 1, 11: 10, 12: 10, 13: 12, 99: 1}
    assert owners({"supervisor": [10], "edge": [12]}, parents) == {
        10: "supervisor",
        11: "supervisor",
        12: "edge",
        13: "edge",
    }


def test_a_process_that_ended_counts_as_nothing(tmp_path: Path) -> None:
    """Processes that are gone do not stop a measurement."""
    folder = tmp_path / "12"
    folder.mkdir()
    (folder / "stat").write_text(_STAT.format(pid=12, name="x", parent=1, user=100, system=0))
    assert cpu_seconds({"edge": [12], "auth": [13]}, tmp_path) == {"edge": 1.5, "auth": 0.0}
    assert memory({"edge": [12]}, tmp_path) == {"edge": Memory()}
