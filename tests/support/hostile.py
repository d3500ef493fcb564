"""Texts that break careless code: all different, and the same in every run."""

import string
from collections.abc import Callable, Iterator
from itertools import product
from random import Random

from oadb import Database, Transaction

Work = Callable[[Transaction, str], None]
"""Passes a text to an operation, and checks the result."""

Guess = Callable[[Database, str], None]
"""The same, for an operation that refuses transactions."""

_QUOTES = ("'", '"', "`", "\\'", "''", "$$", "$q$", "\u2019", "\uff07", "\u02bc")
_COMMENTS = ("--", "-- ", "#", "/*", ";--", ";%00", "*/")

_INJECTIONS = (
    # PostgreSQL
    "'; drop schema oadb cascade; --",
    "'; drop table oadb.users; --",
    "1; truncate oadb.users cascade",
    "'); delete from oadb.users; --",
    "' union select password_hash from oadb.users --",
    "' union all select null, null, null, null, null, null, null, null --",
    "'; copy oadb.users to program 'id'; --",
    "'; select pg_sleep(10); --",
    "'||pg_sleep(10)||'",
    "$$; drop table oadb.users; $$",
    "$body$; drop table oadb.users; $body$",
    "E'\\'; drop table oadb.users; --'",
    "U&'\\0027; drop table oadb.users; --",
    "'::regclass::text",
    "(select version())",
    "pg_catalog.pg_terminate_backend(pg_backend_pid())",
    "'; set role postgres; --",
    "'; reset all; set session_replication_role = replica; --",
    "'; create role intruder superuser; --",
    "'; alter table oadb.users disable row level security; --",
    "'; notify oadb_changes, 'x'; --",
    "'; lo_import('/etc/passwd'); --",
    "do $$ begin execute 'drop table oadb.users'; end $$",
    "'; listen oadb_changes; commit; begin; --",
    "\\'; rollback; --",
    "oadb_user",
    "current_user",
    "{1,2,3}",
    '{"a","b"}',
    '{NULL,"NULL"}',
    "NULL",
    "null",
    "default",
    "row(1,2)",
    "(1,2)",
    "[1,5)",
    # MySQL, SQL Server, Oracle, SQLite
    "' or sleep(10)#",
    "' into outfile '/tmp/x' #",
    "' or 1=1 limit 1 -- -+",
    "\xbf' or 1=1 -- ",
    "\xbf\\' or 1=1 /*",
    "'; waitfor delay '0:0:10'--",
    "'; exec xp_cmdshell('dir'); --",
    "'; exec sp_executesql N'select 1'; --",
    "' or 1=convert(int, @@version)--",
    "' || utl_inaddr.get_host_name('x') || '",
    "' or 1=dbms_pipe.receive_message('x', 10)--",
    "'; attach database '/tmp/x' as y; --",
    "' and randomblob(1000000000) --",
    "load_extension('x')",
)  # fmt: skip  # a table

_PLACEHOLDERS = (
    "%s", "%b", "%t", "%d", "%n", "%x%x%x%x", "%", "%%", "%%s", "%(user_id)s", "%(name)b", "%1$s",
    "%s%s%s%s%s%s%s%s%s%s", "%.1000000f", "%*d", "{}", "{0}", "{0.__class__}", "{user_id}",
    "{0!r:>1000}", "{{}}", "${x}", "$1", "$2", "$1$1", "$(id)", "`id`", ":user_id", ":1", "::text",
    "?", "??", "@p1", "#{x}", "<%= 1 %>", "{{7*7}}", "${jndi:ldap://x/a}", "\\u0000", "\\x00",
    "\\0",
)  # fmt: skip  # a table

_JSON = (
    "{", "}", "[", "]", '"', '{"a":', '{"a": 1, "a": 2}', "[" * 2000, '{"a":' * 500, '"\\ud800"',
    '"\\u0000"', "\\", '\\"', "NaN", "Infinity", "-Infinity", "true", '{"table": "x"}',
    '{"__proto__": {}}', '{"$where": "1"}', '{"table": "x", "user_id": "1", "key": null}',
)  # fmt: skip  # a table

_PATHS = (
    "../../../../etc/passwd", "..\\..\\..\\windows\\win.ini", "/etc/shadow", "file:///etc/passwd",
    "....//....//etc/passwd", "..%2f..%2fetc%2fpasswd", "..%c0%af..%c0%afetc/passwd", "/dev/zero",
    "/proc/self/environ", "C:\\con\\con", "COM1", "a/b", "a\\b", ".", "..", "~", "~root", "-rf",
    "--help", "x.txt\0.png", "\\\\host\\share", "//host/path", "php://filter",
    "x" * 300 + "/" + "y" * 300,
)  # fmt: skip  # a table

_LDAP_AND_OTHERS = (
    "*", "*)(uid=*))(|(uid=*", "admin)(&)", "x)(|(objectClass=*)", "(&(a=b)", "\\2a", "cn=a,dc=b",
    "' or '1'='1' or ''='", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "]]>",
    '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>', "javascript:alert(1)", "&amp;",
    "&#x27;", "() { :; }; id", "; id", "| id", "& id", "&& id", "\n id", "$(sleep 10)", "=1+1",
    "@SUM(1)", "+1", "-1+1", "=cmd|' /C calc'!A0", "http://169.254.169.254/", "user@host:5432/db",
    "a=b c=d", "host=evil dbname=x", "postgresql://u:p@h/d", "otpauth://totp/x?secret=y", "a:b",
    ":", "a:b:c",
)  # fmt: skip  # a table

_LINES = (
    "\r\nSet-Cookie: a=b", "a\r\nb", "a\nb", "a\rb", "\n", "\r", "\r\n\r\n", "a\u2028b",
    "a\u2029b", "a\x0bb", "a\x0cb", "a\x85b", "x\n-- name: get\nselect 1;", "\\.", "\\.\n", "\\N",
    "a\tb", "\t", "a,b", 'a","b', "a|b", ";", " ", "  ", " a", "a ", "\xa0", "\u3000", "\u200b",
    "\ufeff", "\ufeffa",
)  # fmt: skip  # a table

_NUMBERS = (
    "0", "-0", "1", "-1", "007", "1e309", "-1e309", "1e-400", "0x7f", "0b1", "0o7", "1_000",
    "1,000", "127", "128", "255", "256", "32767", "32768", "-32769", "65536", "2147483647",
    "2147483648", "-2147483649", "4294967296", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551616",
    "9" * 400, "0." + "0" * 400 + "1", "nan", "inf", "-inf", "infinity", "1.7976931348623157e308",
    "5e-324", "1/0", "\u0661\u0662\u0663", "\uff11\uff12\uff13", "\u0967\u0968\u0969", "\u2460",
    "\xb2", "\xbd", "\u2167", "\U0001d7ce", "1970-01-01", "9999-12-31", "10000-01-01", "-infinity",
    "0000-00-00", "2026-02-30", "24:00:00", "P1Y", "1 year", "255.255.255.255", "256.1.1.1",
    "127.1", "0177.0.0.1", "2130706433", "::", "::1", "::ffff:1.2.3.4", "fe80::1%eth0",
    "fe80::1%1; drop", "1.2.3.4/0", "[::1]", "1.2.3.4\n", "00000000-0000-0000-0000-000000000000",
    "{00000000-0000-0000-0000-000000000000}",
)  # fmt: skip  # a table

_UNICODE = (
    "\u202eabc", "\u202dabc\u202c", "a\u2066b\u2069", "\u200f\u200e", "\u05d0\u05d1\u05d2",
    "\u0627\u0644\u0639", "\ufdfa", "e\u0301", "\xe9", "a" + "\u0300" * 200, "Z\u0351\u036b\u0343",
    "\u1e9e", "\xdf", "\u0130", "\u0131", "I\u0307", "\u0130" * 300, "\u03a3", "\u03c3", "\u03c2",
    "\u212a", "\u212b", "\u017f", "\ufb01", "\u01c4", "\u0149", "\U0001f600",
    "\U0001f468\u200d\U0001f469", "\U0001f1ee\U0001f1f3", "\u2764\ufe0f", "\U0001f44d\U0001f3fd",
    "\U0001f600" * 300, "\u0430dmin", "\u0430\u0455h\u0430", "asha\u200b", "as\u00adha",
    "\uff41\uff53\uff48\uff41", "\u24d0", "\U0001d41a", "\ufffd", "\ufffe", "\uffff", "\U0010ffff",
    "\U000e0001", "\ue000", "\U000f0000", "\u180e", "\u4e2d\u6587", "\u0905\u0936\u093e",
    "\u0e01\u0e33", "\ud55c\uae00", "\u1112\u1161\u11ab", "\xff", "\x80", "\xc0\x80",
    "\u00c3\u00a9", "ascii\u0000", "\u0085", "\u061c", "\ufff9",
)  # fmt: skip  # a table

_UNSENDABLE = (
    "\0", "a\0", "\0a", "a\0b", "\0" * 100, "'\0'", "\ud800", "\udfff", "a\ud800b", "\ud800" * 50,
    "\udc00\ud800", "\ud83d\ude00", "\ud83d", "\ude00", "\ud800\0", "asha\ud800", "\udcff\udcfe",
    "\udc80" * 41, "x" * 60 + "\0", "x" * 60 + "\ud800", "%s\0", "\ud800" + "y" * 1000,
)  # fmt: skip  # a table

_WORDS = (
    "", "a", "undefined", "None", "nil", "false", "True", "on", "off", "yes", "select", "table",
    "user", "admin", "root", "postgres", "public", "oadb", "pg_catalog", "pg_toast",
    "information_schema", "password", "__class__", "__init__", "__import__('os')", "constructor",
    "toString", "hasOwnProperty", "con", "aux", "eval(1)", "lambda: 0", "import os", "exit()",
    "quit", "help", "shutdown", "vacuum",
)  # fmt: skip  # a table

_LONG = (
    "x" * 81, "x" * 255, "x" * 256, "x" * 501, "x" * 1025, "x" * 2713, "x" * 8001, "\xe9" * 8000,
    "x" * 65_536, "'" * 65_537, "\\" * 10_000, "%s" * 10_000, "\U0001f600" * 20_000, "(" * 10_000,
    "x" * 1_000_000, "\u0130" * 250_000, "a\n" * 50_000,
)  # fmt: skip  # a table


def _made() -> Iterator[str]:
    """Yield quotes and comments around conditions, control characters and punctuation."""
    for quote, comment in product(_QUOTES, _COMMENTS):
        yield f"asha{quote} or 1=1 {comment}"
    for quote in _QUOTES:
        yield quote
        yield quote * 3
        yield f"asha{quote})"
    for code in (*range(1, 32), *range(127, 160)):
        yield f"a{chr(code)}b"
    for sign in string.punctuation:
        yield sign
        yield f"a{sign}b"
        yield sign * 64


TEXTS: tuple[str, ...] = tuple(
    dict.fromkeys(
        (
            *_INJECTIONS, *_PLACEHOLDERS, *_JSON, *_PATHS, *_LDAP_AND_OTHERS, *_LINES, *_NUMBERS,
            *_UNICODE, *_UNSENDABLE, *_WORDS, *_LONG, *_made(),
        )
    )
)  # fmt: skip  # a table


def incompressible(characters: int) -> str:
    """Return a text of three bytes a character that PostgreSQL cannot compress."""
    chance = Random(1)
    return "".join(chr(chance.randrange(0x4E00, 0x9FA0)) for _ in range(characters))
