"""What looks like a secret is hidden, anywhere in a text; other text is unchanged."""

import json
import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from time import thread_time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oadb
from oadb.accounts.api_keys import TOKEN as API_KEY
from oadb.accounts.sessions import TOKEN as SESSION
from oadb.security.kept_fields import FIELDS
from oadb.security.secret_patterns import hide_secrets, template
from tests.support.each import for_each

JWT = ".".join(
    b64encode(text).decode().rstrip("=")
    for text in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890"}', secrets.token_bytes(32))
)


def hide(text: str) -> str:
    return hide_secrets(text, FIELDS)


# A word that no pattern matches by itself: the text around it has to reveal it.
WORD = "correcthorse"

AROUND: list[str] = [
    "Authorization: {}",
    "authorization: Basic {}",
    "failed: Authorization=Bearer {} was refused",
    "Proxy-Authorization: Digest username=x, response={}",
    "got Bearer {}",
    "basic {}",
    "got Digest {}",
    "negotiate {}",
    "Cookie: a=b; session={}; c=d",
    "Set-Cookie: sid={}; HttpOnly",
    "X-API-KEY: {}",
    "apikey={}",
    "api_key = {}",
    "API-Key: {}",
    "my_api_key_2={}",
    "/quotes?apikey={}&symbol=SBIN",
    "/callback?request_token={}&status=success",
    "/callback?code={}",
    "/callback?state=x&{}=1",
    "/callback?{}",
    "https://api.example.in/x?Token={}#top",
    "https://user:{}@example.in/x",
    "postgresql://oadb:{}@db:5432/oadb",
    "access_token={}&expires=1",
    "'apikey': '{}'",
    "{{'apikey': '{}', 'symbol': 'SBIN'}}",
    '{{"password": "{}"}}',
    '{{\\"password\\": \\"{}\\"}}',
    '{{"auth": {{"user": "x", "key": "{}"}}}}',
    "tokens=['x', '{}']",
    "('password', '{}')",
    '("password", "{}")',
    "password: two words {}",
    "wrong otp: {}",
    "secret={}\nnext line",
    "/strategy/webhook/{}",
    "/chartink/Webhook/{}?x=1",
    "mpin={}",
    "pin: {}",
    "JWT={}",
    "credentials = {}",
    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\n{}",
]


@for_each("around", AROUND)
def test_a_secret_is_recognised_by_the_text_around_it(around: str) -> None:
    text = around.format(WORD)

    assert WORD in text
    assert WORD not in hide(text)


@pytest.mark.parametrize("times", [1, 2, 3])
@for_each("around", AROUND)
def test_percent_encoding_does_not_protect_a_secret(around: str, times: int) -> None:
    text = around.format(WORD)
    for _ in range(times):
        text = "".join(f"%{ord(each):02x}" if ord(each) < 128 else each for each in text)

    assert WORD not in hide(text)
    assert quote(WORD) not in hide(quote(text))


def test_a_text_encoded_too_often_is_hidden_entirely() -> None:
    text = "/x?a=b"
    for _ in range(9):
        text = quote(text, safe="")

    assert hide(text) == "***"


SELF_EVIDENT: list[Callable[[], str]] = [
    lambda: API_KEY.new(7).reveal(),
    lambda: SESSION.new(7).reveal(),
    lambda: API_KEY.new(7).reveal()[:20],
    lambda: JWT,
    lambda: JWT[:60],
    lambda: secrets.token_hex(32),
    lambda: secrets.token_urlsafe(32),
    lambda: b64encode(secrets.token_bytes(32)).decode(),
    lambda: b64encode(secrets.token_bytes(64)).decode(),
]


@pytest.mark.parametrize("around", ["{}", "unknown key {}", "/x/{}/y", "x={}", "[{}]", "{}."])
@for_each("make", SELF_EVIDENT)
def test_a_secret_is_recognised_by_its_form(make: Callable[[], str], around: str) -> None:
    for _ in range(20):
        secret = make()

        assert secret not in hide(around.format(secret))


SOURCES = Path(oadb.__file__).parent.rglob("*.py")
PREFIXES = [
    prefix
    for source in SOURCES
    for prefix in re.findall(r'Token(?:Form|Kind)\(\s*"(\w+)"', source.read_text())
]


@pytest.mark.parametrize("prefix", sorted(PREFIXES))
def test_the_beginning_of_a_token_is_hidden_whatever_its_kind(prefix: str) -> None:
    assert hide(f"begins with {prefix}_abcdefgh") == "begins with ***"


LEFT = [
    "/api/v1/placeorder",
    "/api/v1/quotes?symbol=SBIN&exchange=NSE",
    "algo.example.in:5000",
    "2001:db8::1",
    "203.0.113.7",
    "NIFTY24JUL24000CE",
    "M&M",
    "L&TFH?",
    "order 250723000012345 was rejected: insufficient funds",
    "ConnectionError: HTTPSConnectionPool(host='api.kite.trade', port=443)",
    "3f2a1c9e-2b4d-4c5e-8f6a-7b8c9d0e1f2a",
    "100 % of the margin",
    "price=100.5 quantity: 10",
    "",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
]


@for_each("text", LEFT)
def test_a_text_without_a_secret_is_unchanged(text: str) -> None:
    assert hide(text) == text


def test_the_text_around_a_secret_stays() -> None:
    assert hide("/quotes?apikey=x&symbol=SBIN") == "/quotes?***&symbol=SBIN"
    assert hide("failed: api_key=abc") == "failed: api_key=***"
    assert hide("https://a:b@c/d") == "https://***@c/d"
    assert hide('{"apikey": "a", "symbol": "SBIN"}') == '{"apikey": ***, "symbol": "SBIN"}'
    assert hide(f"\u20b9{secrets.token_hex(32)}\u20b9 100") == "\u20b9***\u20b9 100"


@pytest.mark.long("hides in a hundred texts, three times each")
@given(st.text())
def test_hiding_is_idempotent_for_any_text(text: str) -> None:
    hidden = hide(text)

    assert hide(hidden) == hidden


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/strategy/webhook/correcthorse", "/strategy/webhook/***"),
        ("/auth/reset-password/482913", "/auth/reset-password/***"),
        ("/auth/reset-password/two words", "/auth/reset-password/***"),
        ("/API/v1/quotes/12/5?token=x#y", "/API/v1/quotes/12/5?***"),
        ("/.env", "/.env"),
        ("/strategy/<webhook_id>/{order}", "/strategy/<webhook_id>/{order}"),
        ("https://x.in/u/hunter/", "https://x.in/u/***/"),
        ("GET /reset/hunter HTTP/1.1", "GET /reset/*** HTTP/1.1"),
        ("/index" * 40, "/index" * 29 + "/***"),
    ],
)
def test_a_segment_of_no_known_route_is_hidden(path: str, kept: str) -> None:
    assert hide(path) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("order 250723000012345 was rejected: no funds", "order # was rejected: no funds"),
        ("KeyError: 'hunter'", "KeyError: '***'"),
        ('violates "traffic_status_check"', 'violates "traffic_status_check"'),
        ("could not open hunter2, errno 13", "could not open ***, errno 13"),
        ("AB1004: login(pin=1234) failed", "AB1004: login(pin=***"),
        ("it can't be 'hunter", "it can't be '***'"),
        ("margin ९९९९ is below 1२34, code 42", "margin ९९९९ is below #, code 42"),
    ],
)
def test_the_template_of_an_error_has_nothing_that_varies(text: str, kept: str) -> None:
    assert template(text) == kept


REPEATED = (
    "a", "a/", "a-", "a+", "token", "token ", "eyJ", "://", "://a", "?", "?a=b&", "webhook/", "%41",
    "%25", "=", " ", "bearer ", "-----BEGIN ", "oak_", "[{(", "authorization", "pin", "\\",
    'token\\"', "cookie:",
)  # fmt: skip  # a table
HARD = [
    *(part * (3000 // len(part)) for part in REPEATED),
    "token" + " " * 2990,
    'token="' + '\\"' * 1400,
    "a+" * 1499 + "=",
]


@for_each("text", HARD, lambda text: repr(text[:20]))
def test_every_text_is_searched_quickly(text: str) -> None:
    started = thread_time()
    hide(text)

    assert thread_time() - started < 0.1


@given(st.dictionaries(st.sampled_from(["apikey", "password", "auth_token"]), st.just(WORD)))
def test_secrets_in_nested_json_texts_are_hidden(body: dict[str, str]) -> None:
    text = json.dumps(json.dumps(body))

    assert WORD not in hide(text)
    assert WORD not in hide(json.dumps(text))
