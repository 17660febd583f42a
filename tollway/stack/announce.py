"""What the operator sees on the terminal."""

import contextlib
import shlex

from rich.console import Console
from rich.markup import escape

CHAT = '{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}'


class Terminal:
    """Lines for people, on standard output; never wrapped, so that they can be pasted."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """Print one line as it is."""
        self._show(escape(line))

    def warn(self, line: str) -> None:
        """Print what went wrong and is being dealt with."""
        self._show(f"[yellow]{escape(line)}[/]")

    def welcome(self, *, url: str, master_key: str, demo: bool, logs: str, seconds: float) -> None:
        """Say where everything is, once requests are answered."""
        show = self._show
        show(f"\n[bold green]Tollway is ready[/] after {seconds:.1f} s.\n")
        show(f"  Address      [bold]{escape(url)}[/]")
        show(f"  Master key   [bold]{escape(master_key)}[/]")
        show(f"  API docs     {escape(url)}/docs")
        if logs:
            show(f"  Logs         {escape(logs)}")
        if demo:
            show("\nTry it:\n")
            show(f"  {escape(curl(url, master_key))}")
        show("\nCtrl-C stops everything.\n")

    def _show(self, markup: str) -> None:
        """Print; a terminal that was closed, or a pipe that nobody reads, stops nothing."""
        with contextlib.suppress(OSError):
            self._console.print(markup)


def curl(url: str, master_key: str) -> str:
    """Return a command line that asks the demo model and works as pasted."""
    headers = [f"Authorization: Bearer {master_key}", "Content-Type: application/json"]
    arguments = [f"{url}/v1/chat/completions", *(part for header in headers for part in ("-H", header)), "-d", CHAT]
    return shlex.join(["curl", *arguments])
