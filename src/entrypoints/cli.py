"""The console script `imcore`: one command a function; what it does lies in the module of its name."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from typing import Annotated

import typer

from entrypoints.explanation import explained
from entrypoints.settings import load_settings
from imcore.errors import IMError, StoreUnavailableError

app = typer.Typer(
    name="imcore",
    help="A lightweight instant-messaging service in which an AI answers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on, 0 for any free one.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Server processes; more than one needs IM_REDIS_URL.", min=1)] = 1,
) -> None:
    """Serve HTTP, WebSocket and the chat page. Without IM_REDIS_URL the replies are written in this process."""
    settings = load_settings()  # before the slow imports: what is wrong here is told at once
    from entrypoints.serve import serve as run

    run(settings, host, port, workers)


@app.command()
def worker(
    concurrency: Annotated[int, typer.Option(help="Replies written at once.", min=1)] = 1000,
    metrics_port: Annotated[int | None, typer.Option(help="Serve /metrics on this loopback port.", min=1, max=65535)] = None,
) -> None:
    """Write replies; needs IM_REDIS_URL. Run one a core."""
    settings = load_settings()
    from entrypoints.worker import work

    work(settings, concurrency, metrics_port)


@app.command()
def migrate(revision: Annotated[str, typer.Argument(help="A revision, head or base.")] = "head") -> None:
    """Bring the database's schema to a revision."""
    from entrypoints.operations import migrate as run

    print(run(load_settings(), revision))


@app.command()
def token(user_id: str, ttl: Annotated[float, typer.Option(help="Seconds that it is valid.", min=1)] = 24 * 3600) -> None:
    """Print a token for USER_ID, signed with IM_JWT_SECRET."""
    from entrypoints.identity import build_tokens

    print(build_tokens(load_settings()).issue(user_id, ttl))


@app.command()
def chat(
    url: Annotated[str, typer.Option(help="Where imcore serves.")] = "http://127.0.0.1:8000",
    user: Annotated[str | None, typer.Option(help="Your user id; needs the server's secret. Else a guest.")] = None,
    session: Annotated[str | None, typer.Option(help="Name of a further session of yours.")] = None,
) -> None:
    """Chat in the terminal, the reply streaming in."""
    from entrypoints.chat import chat as run

    asyncio.run(run(load_settings(), url, user, session))


@app.command()
def audit(
    older_than: Annotated[float, typer.Option(help="Leave out what is younger than this many seconds.", min=0)] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Prove on the live database that nothing is lost or doubled; exit 1 if anything is."""
    from entrypoints.operations import audit as run

    found = asyncio.run(run(load_settings(), older_than))
    counts = dataclasses.asdict(found)
    print(json.dumps(counts) if as_json else "\n".join(f"{count:>8}  {name.replace('_', ' ')}" for name, count in counts.items()))
    if not found.is_clean:
        raise typer.Exit(1)


@app.command()
def recover() -> None:
    """One recovery sweep, now: hint every session in which a reply waits that nobody writes."""
    from entrypoints.operations import recover as run

    print(f"{asyncio.run(run(load_settings()))} sessions hinted")


@app.command()
def doctor() -> None:
    """Check the settings and reach every configured part; exit 1 if anything is wrong."""
    from entrypoints.doctor import examine

    if not examine():
        raise typer.Exit(1)


def main() -> None:
    """The console script: every foreseen error is one clear line and exit 2."""
    try:
        app()
    except StoreUnavailableError as error:
        sys.exit(_say(f"IM_DATABASE_URL: {explained(error)}"))
    except IMError as error:
        sys.exit(_say(error.detail))
    except KeyboardInterrupt:
        sys.exit(130)


def _say(line: str) -> int:
    print(f"imcore: {line}", file=sys.stderr)
    return 2
