"""Mistakes that type checkers must find: `# E: mypy's code, pyright's rule`. Never run.

A dash means that the checker does not look for this mistake.
"""

from uuid import uuid4

from oadb import AsyncDatabase, AsyncExecutor, Database, Secret
from oadb.accounts import api_keys, login_attempts, second_factors, sessions, users
from oadb.bans import ip_bans
from oadb.engine.binding.operations import operation
from oadb.logs import api_logs, traffic
from oadb.settings import app_settings, user_settings
from oadb.trading import chartink, pending_orders, strategies

SIZE = user_settings.declare("mistakes.size", int, default=5)


@operation
async def greet(db: AsyncExecutor, user_id: int) -> str:
    user = await users.get(db, user_id)
    return user.username  # E: union-attr, reportOptionalMemberAccess


def blocking(db: Database) -> None:
    users.get(db, user=7)  # E: call-overload, reportCallIssue
    users.get(db, "7")  # E: call-overload, reportCallIssue
    users.get(db)  # E: call-overload, reportCallIssue
    users.get(db, 7, 8)  # E: call-overload, reportCallIssue
    users.get(7)  # E: call-overload, reportCallIssue
    print(users.get(db, 7).email)  # E: union-attr, reportOptionalMemberAccess
    users.create(db, "asha", "a@x.in", admin=True)  # E: call-overload, reportCallIssue
    for _ in users.get(db, 7):  # E: union-attr, reportGeneralTypeIssues
        pass
    number: str = users.count(db)  # E: assignment, reportAssignmentType
    print(number)
    greet(db, user_id="7")  # E: call-overload, reportCallIssue
    users.verify_password(db, "asha")  # E: call-overload, reportCallIssue
    users.verify_password(db, "asha", "in clear")  # E: call-overload, reportCallIssue
    verified = api_keys.verify(db, Secret("oak_"))
    print(verified.user_id)  # E: union-attr, reportAttributeAccessIssue
    api_keys.get_order_mode(db, Secret("oak_"), uuid4())  # E: call-overload, reportCallIssue
    mode = api_keys.get_order_mode(db, 7, uuid4())
    print(mode == "manual")  # E: comparison-overlap, reportUnnecessaryComparison
    api_keys._revoke(db, 7, uuid4())  # E: -, reportPrivateUsage
    size: str = user_settings.get(db, 7, SIZE)  # E: assignment, reportAssignmentType
    print(size)
    SIZE.to("5")  # E: arg-type, reportArgumentType
    user_settings.get(db, 7, "mistakes.size")  # E: call-overload, reportCallIssue
    declare = user_settings.declare
    declare("mistakes.set", set, default=set[int]())  # E: type-var, reportArgumentType
    app_settings.set_trading_mode(db, "paper", by=7)  # E: call-overload, reportCallIssue
    found = strategies.verify_webhook(db, Secret("oaw_"))
    print(found.mappings)  # E: union-attr, reportAttributeAccessIssue
    scan = chartink.create(db, 7, "x").strategy
    print(scan.mappings[0].symbol)  # E: attr-defined, reportAttributeAccessIssue
    tcs = strategies.SymbolMapping("TCS", "NSE", 1, "MIS")
    chartink.put_mappings(db, 7, uuid4(), [tcs])  # E: list-item, reportArgumentType
    strategies.set_active(db, 7, uuid4(), True)  # E: call-overload, reportCallIssue
    strategies.update(db, 7, uuid4(), time_zone=None)  # E: call-overload, reportArgumentType
    strategies.create(db, 7, "x", direction="UP")  # E: call-overload, reportArgumentType
    signed_in = login_attempts.sign_in(db, "asha", Secret("x"), ip="::1")
    sessions.create(db, signed_in.user)  # E: arg-type, reportArgumentType
    sessions.create(db, users.get(db, 7))  # E: call-overload, reportArgumentType
    users.create(db, "a", "a@x.in", None, None, True)  # E: call-overload, reportCallIssue
    api_logs.Call("POST", "/x", 200)  # E: call-arg, reportCallIssue
    api_logs.list_calls(db, signed_in.wait)  # E: call-overload, reportCallIssue
    traffic.list_requests(db, since=signed_in.wait)  # E: call-overload, reportArgumentType
    login_attempts.delete_old(db, older_than=7)  # E: call-overload, reportArgumentType
    users.update(db, 7, email=None)  # E: call-overload, reportArgumentType
    ip_bans.ban(db, "192.0.2.1", "scan")  # E: call-overload, reportCallIssue
    pending_orders.approve(db, 7, 8)  # E: call-overload, reportCallIssue
    pending_orders.reject(db, 7, pending_order_id=8)  # E: call-overload, reportCallIssue
    db.as_user(7).as_user(8)  # E: attr-defined, reportAttributeAccessIssue
    with db.transaction(isolation="snapshot") as tx:  # E: arg-type, reportArgumentType
        users.get(tx, 7)


def signing_in(db: Database) -> None:
    user = users.verify_password(db, "asha", Secret("secret"))
    assert user is not None
    sessions.create(db, user)  # E: call-overload, reportCallIssue
    signed_in = login_attempts.sign_in(db, "asha", Secret("secret"), ip="::1")
    sessions.create(db, signed_in.user)  # E: arg-type, reportCallIssue
    sessions.create(db, signed_in)  # E: call-overload, reportCallIssue
    print(sessions.verify(db, Secret("oas_")).user_id)  # E: union-attr, reportAttributeAccessIssue
    users.update(db, 7, "a@x.in")  # E: call-overload, reportCallIssue
    users.update(db, 7, email=None)  # E: call-overload, reportArgumentType
    users.create(db, "asha", "a@x.in", None, None, True)  # E: call-overload, reportCallIssue
    users.list_all(db, 5)  # E: call-overload, reportCallIssue
    second_factors.set_required(db, 7, True, True, False)  # E: call-overload, reportCallIssue
    api_keys.create(db, 7, "x", order_mode="manual")  # E: call-overload, reportArgumentType


async def awaiting(db: AsyncDatabase) -> None:
    users.delete(db, 7)  # E: unused-coroutine, reportUnusedCoroutine
    users.set_password(db, 7, Secret("secret"))  # E: unused-coroutine, reportUnusedCoroutine
    greet(db, 7)  # E: unused-coroutine, reportUnusedCoroutine
    print(users.get(db, 7).email)  # E: attr-defined, reportAttributeAccessIssue
    print((await users.get(db, 7)).email)  # E: union-attr, reportOptionalMemberAccess
    async with db.transaction() as tx:
        users.delete(tx, 7)  # E: unused-coroutine, reportUnusedCoroutine
    with db.transaction():  # E: attr-defined, reportGeneralTypeIssues
        pass


def forgetting(db: AsyncDatabase) -> bool:
    return users.count(db) == 0  # E: comparison-overlap, reportUnnecessaryComparison
