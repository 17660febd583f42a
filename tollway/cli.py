"""The command `tollway`."""

import os
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from shared.settings import ConfigurationError, load
from tollway.services import SERVICES
from tollway.stack.errors import StackError
from tollway.stack.options import DEFAULT_DATA_DIR, Options, config_path, worker_counts

app = typer.Typer(
    name="tollway",
    help="An LLM gateway that loses no spend.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration file; tollway.yaml here, if there is one.", show_default=False),
]


def main() -> None:
    """Run the command; what goes wrong is one sentence (of a configuration, one line each) and exit code 1."""
    try:
        app()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except StackError as error:
        print(f"tollway: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _say_version(wanted: bool) -> None:
    if wanted:
        try:
            number = version("tollway")
        except PackageNotFoundError:
            number = "(not installed)"
        print(f"tollway {number}")
        raise typer.Exit


@app.callback()
def root(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """An LLM gateway that loses no spend."""


@app.command()
def up(
    config: Config = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 127.0.0.1 unless the file says otherwise.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Port to listen on, 0 for a free one; 4000 unless the file says otherwise."
        ),
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Where keys, models, ledger and logs are kept.")] = DEFAULT_DATA_DIR,
    workers: Annotated[
        list[str] | None, typer.Option(metavar="SERVICE=N", help="Processes of a service; may be repeated.")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Print the services' logs here instead of DATA_DIR/logs.")] = False,
) -> None:
    """Run everything on this machine: broker, store, all services and a demo model.

    With NATS_URL or MONGODB_URL set, those servers are used and none is started. Ctrl-C drains and stops; SIGHUP
    restarts every service without losing a request.
    """
    from tollway.stack.announce import Terminal
    from tollway.stack.up import up as run

    options = Options(config, host, port, data_dir, worker_counts(workers or []), verbose)
    run(options, os.environ.copy(), Terminal())


@app.command()
def serve(service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]) -> None:
    """Run one service, for containers; the environment says where NATS and MongoDB are."""
    if service not in SERVICES:
        raise StackError(f"There is no service '{service}'; there are {', '.join(SERVICES)}.")
    from tollway.stack.service import serve as run

    raise typer.Exit(run(service))


@app.command()
def setup() -> None:
    """Create the streams and indexes where NATS_URL and MONGODB_URL say; 'up' does it by itself."""
    from tollway.stack.prepare import prepare

    raise typer.Exit(prepare())


@app.command()
def check(
    config: Config = None,
    diff: Annotated[bool, typer.Option("--diff", help="Also say what it would change of what runs.")] = False,
    data_dir: Annotated[Path, typer.Option(help="With --diff: the folder of the stack that runs here.")] = (
        DEFAULT_DATA_DIR
    ),
    url: Annotated[str | None, typer.Option(help="With --diff: the address of what runs elsewhere.")] = None,
) -> None:
    """Check a configuration file and say what is wrong, and where.

    With --diff and --url, TOLLWAY_MASTER_KEY is the master key there.
    """
    from tollway.stack.advice import unknown_models, unserved

    path = config_path(config)
    configuration = load(path, os.environ)
    groups = len(configuration.models)
    checked = path or "There is no tollway.yaml here; the default configuration"
    print(f"{checked} is valid: {groups} model group{'' if groups == 1 else 's'}.")
    print_all(unserved(configuration, os.environ))
    if diff:
        from tollway.stack.difference import differences

        print_all(differences(configuration, data_dir, url, os.environ))
    else:
        print_all(unknown_models(configuration, os.environ))


def print_all(lines: Iterable[str]) -> None:
    """Print lines; nothing where there is none."""
    for line in lines:
        print(line)


@app.command("rotate-secrets")
def rotate_secrets(
    data_dir: Annotated[Path, typer.Option(help="The folder of the stack that runs here.")] = DEFAULT_DATA_DIR,
) -> None:
    """Seal every stored credential under a new encryption key, while everything runs.

    Here on one machine it makes the key. With TOLLWAY_ENCRYPTION_KEY=new,old and MONGODB_URL set it uses those; all
    services must have been restarted with both keys before.
    """
    from tollway.stack.rotation import rotate

    done = rotate(data_dir, os.environ)
    print(f"{done.changed} of {done.total} objects were sealed anew; the others were already, or hold no secret.")
    for what in done.broken:
        print(f"The secret of {what} opens under none of the keys; it was left as it is.", file=sys.stderr)
    raise typer.Exit(1 if done.broken else 0)


ledger = typer.Typer(help="Look after the ledger.", no_args_is_help=True)
app.add_typer(ledger, name="ledger")

DataDir = Annotated[Path, typer.Option(help="The folder of the 'tollway up' that runs, unless MONGODB_URL is set.")]


@ledger.command("verify")
def ledger_verify(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Compare the sums of all documents with all rollups; exit code 3 where something differs.

    Requests are served meanwhile; what they cost is written when it is over.
    """
    from tollway.ledger import verify_ledger

    raise typer.Exit(verify_ledger(data_dir))


@ledger.command("rebuild")
def ledger_rebuild(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Write every rollup that differs anew, out of the documents, while requests go on."""
    from tollway.ledger import rebuild_ledger

    raise typer.Exit(rebuild_ledger(data_dir))


lists = typer.Typer(help="Look after the lists of keys, users, teams and customers.", no_args_is_help=True)
app.add_typer(lists, name="lists")


@lists.command("rebuild")
def lists_rebuild(data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Put lists in the order of 'created_at' and count them anew, while everything runs."""
    from tollway.lists import rebuild_lists

    raise typer.Exit(rebuild_lists(data_dir))


@app.command()
def alerts(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    after: Annotated[
        int, typer.Option(metavar="SEQUENCE", min=0, help="Only what came after this line's 'sequence'.")
    ] = 0,
    data_dir: Annotated[
        Path, typer.Option(help="The folder of the 'tollway up' that runs, unless NATS_URL is set.")
    ] = DEFAULT_DATA_DIR,
) -> None:
    """Print the soft budgets that were spent, a line of JSON each, the oldest first.

    With NATS_URL set, NATS_USER and NATS_PASSWORD are the user 'operator' there, who may read alerts and nothing else.
    """
    from tollway.alerts import print_alerts

    print_alerts(data_dir, after=after, follow=follow)


@app.command("import-litellm")
def import_litellm(
    database_url: Annotated[
        str | None,
        typer.Option(
            "--database-url",
            envvar="LITELLM_DATABASE_URL",
            metavar="postgresql://…",
            help="LiteLLM's DATABASE_URL; it is only read.",
            show_default=False,
            show_envvar=True,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also replace what was changed, made or deleted here meanwhile.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write the whole report there, as JSON.")
    ] = None,
    config: Config = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Bring keys, people, budgets, spend, models and credentials out of LiteLLM's database.

    Clients keep their keys. Run it as often as you like: nothing is brought twice. LITELLM_SALT_KEY opens LiteLLM's
    credentials. With MONGODB_URL set, TOLLWAY_SECRET and TOLLWAY_ENCRYPTION_KEY must be those of the services there.
    Exit code 3 says that something was left out; the report says what and why.
    """
    if database_url is None:
        raise StackError(
            "say where LiteLLM's database is: --database-url postgresql://user:password@host:5432/litellm."
        )
    from tollway.litellm.run import Wish, import_database

    configuration = load(config_path(config), os.environ)
    raise typer.Exit(
        import_database(Wish(database_url, data_dir, configuration, dry_run, overwrite, report), os.environ)
    )


@app.command("demo-provider")
def demo_provider(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on, 0 for a free one.")] = 9100,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    api_key: Annotated[str | None, typer.Option(help="The one key that is accepted; any, if not given.")] = None,
) -> None:
    """Run a stand-in for OpenAI's and Anthropic's APIs that answers, and misbehaves, as asked."""
    from tollway.demo_provider import run

    run(host, port, api_key)
