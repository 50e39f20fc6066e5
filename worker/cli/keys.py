"""The `keys` commands, which create, list and revoke API keys directly in the database."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tasks.clock import now
from tasks.errors import InvalidInput
from tasks.interviews.interview import DEFAULT_TENANT
from worker.ports import Action, Actor, Key, Scope
from worker.security.api_keys import issue
from worker.security.audit import record
from worker.settings import Settings, load_settings

if TYPE_CHECKING:
    from worker.bootstrap import Stores

app = typer.Typer(no_args_is_help=True, help="Create, list and revoke API keys.")
out = Console(soft_wrap=True)


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Name of the key's user.")],
    scope: Annotated[list[Scope], typer.Option(help="Granted scope; repeatable.")],
    tenant: Annotated[str, typer.Option(help="Tenant of the key.")] = DEFAULT_TENANT,
    days: Annotated[
        int | None, typer.Option(min=1, help="Days until it expires. Default: never.")
    ] = None,
) -> None:
    """Create a key and print it. It cannot be shown again: only its hash is stored."""
    expires_at = now() + timedelta(days=days) if days else None
    try:
        key, token = issue(name, tenant, scope, expires_at)
    except ValidationError as error:
        problem = error.errors()[0]
        raise InvalidInput(f"{problem['loc'][0]}: {problem['msg']}") from None
    with _stores(load_settings()) as stores:
        record(stores.audit, _actor(key), Action.KEY_CREATE, detail=key.id)
        stores.keys.add(key)
    out.print(token, highlight=False)


@app.command("list")
def list_keys() -> None:
    """List all keys, without their secrets."""
    with _stores(load_settings()) as stores:
        out.print(_table(stores.keys.all()))


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")]) -> None:
    """Revoke a key."""
    with _stores(load_settings()) as stores:
        key = stores.keys.get(key_id)
        if key is not None:
            record(stores.audit, _actor(key), Action.KEY_REVOKE, detail=key_id)
        stores.keys.revoke(key_id, now())
    out.print(f"Key {key_id} is revoked", highlight=False)


@contextmanager
def _stores(settings: Settings) -> Iterator["Stores"]:
    # Imported here because loading the drivers takes longer than most commands.
    from worker.bootstrap import open_stores
    from worker.local.embedded.servers import EmbeddedServers
    from worker.local.stack_file import running_mongodb

    if settings.mongodb_url is None and (running := running_mongodb(settings)):
        settings = settings.with_environment({"MONGODB_URL": running})
    with ExitStack() as stack:
        if settings.mongodb_url is None:
            # The stack is not running: the first key must exist before it accepts remote requests.
            addresses = stack.enter_context(EmbeddedServers(settings.data_dir, {"mongodb"}))
            settings = settings.with_environment(addresses)
        yield stack.enter_context(open_stores(settings))


def _actor(key: Key) -> Actor:
    # Anyone with access to the database can run this: there is no key to identify the user.
    return Actor(who="command line", tenant=key.tenant)


def _table(keys: Sequence[Key]) -> Table:
    found = Table(box=None)
    for heading in ("id", "name", "tenant", "scopes", "created", "state"):
        found.add_column(heading, no_wrap=heading == "id")
    for key in keys:
        created = f"{key.created_at.astimezone():%Y-%m-%d %H:%M}"
        scopes = ", ".join(sorted(key.scopes))
        found.add_row(key.id, Text(key.name), key.tenant, scopes, created, _state(key))
    return found


def _state(key: Key) -> str:
    if key.revoked_at:
        return "revoked"
    if key.expires_at is None:
        return "valid"
    verb = "expires" if key.is_valid(now()) else "expired"
    return f"{verb} {key.expires_at.astimezone():%Y-%m-%d %H:%M}"
