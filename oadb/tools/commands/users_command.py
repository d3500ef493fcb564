"""The commands ``oadb users``: accounts, for an operator."""

from typing import Annotated

import typer

from oadb.accounts import lockouts, users
from oadb.accounts.users import User
from oadb.engine.database import Database
from oadb.engine.executors import Executor
from oadb.errors import ConflictError, NoRowError, ParameterError
from oadb.security.secret import Secret
from oadb.tools.commands import options, password_input
from oadb.tools.commands.options import DatabaseUrl, DryRun
from oadb.tools.rehearsal import rehearsed

app = options.group("Create users, and help those who cannot sign in.")

Username = Annotated[
    str, typer.Argument(metavar="USERNAME", help="The name of the user, in any letter case.")
]


@app.command("create")
def run_create(
    username: Annotated[
        str,
        typer.Argument(metavar="USERNAME", help="1 to 80 letters, digits and . _ - @."),
    ],
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address of the user.")],
    admin: Annotated[bool, typer.Option("--admin", help="Make the user an administrator.")] = False,
    dry_run: DryRun = False,
    _url: DatabaseUrl = None,
) -> None:
    """Create a user who can sign in.

    The password is asked for on a terminal, and elsewhere read from standard input.
    """
    password = password_input.read()
    with Database.from_env() as db, rehearsed(db, dry_run) as executor:
        user = _create(executor, username, email, password, is_admin=admin)
    kind = "administrator" if admin else "user"
    if dry_run:
        typer.echo(f"would create {kind} {user.username}")
        return
    typer.echo(f"created {kind} {user.username} with id {user.user_id}")


def _create(db: Executor, username: str, email: str, password: Secret, *, is_admin: bool) -> User:
    try:
        with db.transaction() as tx:
            user = users.create(tx, username, email, is_admin=is_admin)
            users.set_password(tx, user.user_id, password)
    except ConflictError as error:
        what = error.field.upper()
        raise ParameterError(f"another user has this {what}; nothing was changed") from None
    except ParameterError as error:
        if not error.constraint:
            raise
        what, allowed = error.field.upper(), error.limit
        raise ParameterError(f"{what} must be {allowed}; nothing was changed") from None
    return user


@app.command("reset-password")
def run_reset_password(
    username: Username, dry_run: DryRun = False, _url: DatabaseUrl = None
) -> None:
    """Set a new password, and end all sessions of the user.

    It is asked for on a terminal, and elsewhere read from standard input.
    """
    with Database.from_env() as db:
        user = _find(db, username)
        password = password_input.read()
        with rehearsed(db, dry_run) as executor:
            users.set_password(executor, user.user_id, password)
    if dry_run:
        typer.echo(f"would set the password of {user.username}")
        return
    typer.echo(f"set the password of {user.username}, whose sessions have ended")


@app.command("disable")
def run_disable(username: Username, dry_run: DryRun = False, _url: DatabaseUrl = None) -> None:
    """Refuse a user all sign-ins, keys and webhooks, and end the sessions; delete nothing."""
    with Database.from_env() as db, rehearsed(db, dry_run) as executor:
        user = _find(executor, username)
        changed = users.disable(executor, user.user_id, by=None)
    if not changed:
        typer.echo(f"{user.username} was disabled before")
        return
    typer.echo(f"would disable {user.username}" if dry_run else f"disabled {user.username}")


@app.command("enable")
def run_enable(username: Username, dry_run: DryRun = False, _url: DatabaseUrl = None) -> None:
    """Let a disabled user sign in again."""
    with Database.from_env() as db, rehearsed(db, dry_run) as executor:
        user = _find(executor, username)
        changed = users.enable(executor, user.user_id, by=None)
    if not changed:
        typer.echo(f"{user.username} is not disabled")
        return
    typer.echo(f"would enable {user.username}" if dry_run else f"enabled {user.username}")


def _find(db: Executor, username: str) -> User:
    user = users.find_by_username(db, username)
    if user is None:
        raise NoRowError("USERNAME: there is no such user; oadb users create makes one")
    return user


@app.command("unlock")
def run_unlock(username: Username, dry_run: DryRun = False, _url: DatabaseUrl = None) -> None:
    """Forget the failed sign-ins of an account, so that its owner need not wait."""
    with Database.from_env() as db, rehearsed(db, dry_run) as executor:
        counted = lockouts.unlock(executor, username)
    if not counted:
        typer.echo(f"no failed sign-ins of {username} are counted; nothing to unlock")
        return
    typer.echo(f"would unlock {username}" if dry_run else f"unlocked {username}")
