"""Secrets for redaction to hide: names of credentials, in notations, with values of many forms."""

import json
import random
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from tests.support.credential_names import NAMES

Notation = Callable[[str, str], str]

NOTATIONS: dict[str, Notation] = {
    "JSON": lambda name, value: json.dumps({"status": "success", name: value}),
    "JSON in JSON": lambda name, value: json.dumps({"data": json.dumps({name: value})}),
    "nested JSON": lambda name, value: json.dumps({"data": [{"result": {name: [value]}}]}),
    "an assignment": lambda name, value: f"{name}={value}",
    "a form": lambda name, value: f"symbol=SBIN&{name}={value}&exchange=NSE",
    "a header": lambda name, value: f"Content-Length: 12\r\n{name}: {value}\r\nHost: x",
    "a command": lambda name, value: f"curl -H '{name}: {value}' https://api.example.in/quotes",
    "a repr": lambda name, value: repr({"symbol": "SBIN", name: value}),
    "a repr of bytes": lambda name, value: repr({name.encode(): value.encode()}),
    "a tuple": lambda name, value: repr((name, value)),
    "pairs": lambda name, value: repr([("symbol", "SBIN"), (name, value)]),
    "pairs in JSON": lambda name, value: json.dumps([["symbol", "SBIN"], [name, value]]),
    "an index": lambda name, value: f"headers['{name}'] = '{value}'",
    "a hash": lambda name, value: f"{{:{name} => '{value}'}}",
    "XML": lambda name, value: f"<data><{name}>{value}</{name}></data>",
    "XML with a type": lambda name, value: f'<{name} type="text">\n{value}</{name}>',
    "an attribute": lambda name, value: f'<order symbol="SBIN" {name}="{value}"/>',
    "a tab": lambda name, value: f"{name}\t{value}",
    "a table": lambda name, value: f"symbol\t{name}\texchange\nSBIN\t{value}\tNSE",
    "a table from its left": lambda name, value: f"{name}\tsymbol\n{value}\tSBIN",
    "a query": lambda name, value: f"/callback?state=x&{name}={quote(value)}",
    "a URL": lambda name, value: f"GET https://api.example.in/x?{name}={quote(value)}#top failed",
    "a fragment": lambda name, value: f"https://example.in/callback#{name}={value}",
    "percent-encoding": lambda name, value: quote(f"{name}={value}", safe=""),
    "YAML": lambda name, value: f"{name}:\n  {value}",
    "an error": lambda name, value: f"LoginError: invalid request, {name}: {value}",
    "a call": lambda name, value: f"TypeError: login({name}='{value}', port=443) failed",
}
"""Texts with a secret under a name."""

BARE: dict[str, Callable[[str], str]] = {
    "a password in a URL": "postgresql://oadb:{}@db:5432/oadb".format,
    "a webhook": "/strategy/webhook/{}".format,
    "a reset": "/auth/reset-password/{}".format,
    "a path": "https://algo.example.in/flow/{}/run".format,
    "a bearer": "failed with Bearer {}".format,
    "PEM": "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----".format,
}
"""Texts with a secret, whatever its form, without a name."""

Form = Callable[[random.Random], str]


def _word(source: random.Random) -> str:
    return "".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=14))


FORMS: dict[str, Form] = {
    "a word": _word,
    "a PIN": lambda source: str(source.randrange(10**11, 10**12)),
    "two words": lambda source: f"{_word(source)} {_word(source)}",
    "a UUID": lambda source: str(UUID(bytes=source.randbytes(16), version=4)),
    "hexadecimal": lambda source: source.randbytes(16).hex(),
    "base64": lambda source: b64encode(source.randbytes(32)).decode(),
    "base64 for URLs": lambda source: urlsafe_b64encode(source.randbytes(48)).decode(),
    "a token": lambda source: f"oak_{source.randbytes(24).hex()}",
    "a JWT": lambda source: f"eyJhbGciOiJIUzI1NiJ9.{source.randbytes(20).hex()}.{_word(source)}",
}

SELF_EVIDENT = ("hexadecimal", "base64", "base64 for URLs", "a token", "a JWT")
"""Forms that are recognised wherever they stand."""


@dataclass(frozen=True, slots=True)
class Plant:
    """A secret, and a text that has it."""

    secret: str
    name: str
    notation: str
    text: str

    @property
    def traces(self) -> tuple[str, ...]:
        """What must be found nowhere: the secret, its words, its beginning and its encodings."""
        plain = self.secret.split()
        return (*plain, *(quote(each, safe="") for each in plain), plain[0][:12])

    def __str__(self) -> str:
        return f"{self.notation}: {self.text}"


def plants(seed: int = 18) -> Iterator[Plant]:
    """Yield some thousand texts with a secret: each notation with many names, forms in turn."""
    source = random.Random(seed)  # planted secrets need not be hard to guess
    forms = list(FORMS.values())
    for number, name in enumerate(NAMES):
        for turn, (notation, text) in enumerate(NOTATIONS.items()):
            secret = forms[(number + turn) % len(forms)](source)
            yield Plant(secret, name, notation, text(name, secret))
    for notation, put in BARE.items():
        for form in ("a word", "a PIN", "a UUID", *SELF_EVIDENT):
            secret = FORMS[form](source)
            yield Plant(secret, form, notation, put(secret))
    for form in SELF_EVIDENT * 20:
        secret = FORMS[form](source)
        yield Plant(secret, form, "prose", f"order was refused with {secret} today")
