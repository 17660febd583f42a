"""LiteLLM's command line, started once for many commands: most of each one's time is the import of LiteLLM.

Run by LiteLLM's interpreter. Each line of its input is a JSON list of arguments; each line of its output says how that
command ended and what it printed.
"""

import json
import sys

from click.testing import CliRunner  # type: ignore[import-not-found]
from litellm.proxy.client.cli import cli  # type: ignore[import-not-found]


def main() -> None:
    """Run commands until there are no more."""
    for line in sys.stdin:
        done = CliRunner().invoke(cli, json.loads(line))
        told = {"code": done.exit_code, "printed": done.stdout, "all": done.output + repr(done.exception or "")}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
