"""A Secret in an answer: no encoder shows the value. Each refuses, or shows the mask."""

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import re
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import flask
import pydantic
import pydantic_core
import pytest
from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.testclient import TestClient

from oadb.security.secret import Hidden, Secret, SecretBytes
from tests.support.each import for_each

HIDDEN = "hunter2"
ADVICE = "leave it out, or pass what its reveal() returns, on purpose"


@dataclasses.dataclass(frozen=True, slots=True)
class NewKey:
    """A row with a secret, as ``api_keys.create`` returns one."""

    name: str
    token: Hidden


def answered_by_flask(value: object) -> str:
    app = flask.Flask(__name__)
    app.testing = True
    app.add_url_rule("/", view_func=lambda: flask.jsonify(value))
    return app.test_client().get("/").text


def answered_by_fastapi(value: object, model: object = None) -> str:
    app = FastAPI()
    app.add_api_route("/", lambda: value, response_model=model)
    return TestClient(app).get("/").text


def logged(value: object) -> str:
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s %r", (value, value), None)
    return logging.Formatter().format(record)


def _shown(value: object, **_: object) -> str:
    return repr(value)


def other(module: str, name: str) -> Callable[..., object]:
    """Return an encoder that may not be installed."""
    try:
        found: Callable[..., object] = getattr(import_module(module), name)
    except ImportError:
        return _shown
    return found


# Each gets a Secret, a row with one, and a document with one.
ENCODERS: dict[str, Callable[[Any], object]] = {
    "repr": repr, "str": str, "format": lambda v: f"{v} {v!a}", "pretty": pprint.pformat,
    "log": logged, "copy": lambda v: repr(copy.deepcopy(v)),
    "json": json.dumps, "json by str": lambda v: json.dumps(v, default=str),
    "json by repr": lambda v: json.dumps(v, default=repr),
    "json by vars": lambda v: json.dumps(v, default=vars),
    "json by __dict__": lambda v: json.dumps(v, default=lambda o: o.__dict__),
    "json by state": lambda v: json.dumps(v, default=lambda o: o.__getstate__()),
    "json by asdict": lambda v: json.dumps(v, default=dataclasses.asdict),
    "pickle": pickle.dumps, "yaml": other("yaml", "dump"), "yaml safe": other("yaml", "safe_dump"),
    "flask": answered_by_flask, "fastapi": answered_by_fastapi, "encoder": jsonable_encoder,
    "msgspec": other("msgspec.json", "encode"),
    "msgspec by str": partial(other("msgspec.json", "encode"), enc_hook=str),
    "msgspec to builtins": other("msgspec", "to_builtins"),
    "msgpack": other("msgspec.msgpack", "encode"), "pydantic": pydantic_core.to_json,
    "pydantic by str": lambda v: pydantic_core.to_json(v, fallback=str),
    "pydantic, unknown": lambda v: pydantic_core.to_json(v, serialize_unknown=True),
    "orjson": other("orjson", "dumps"), "cloudpickle": other("cloudpickle", "dumps"),
}  # fmt: skip  # a table

SECRETS: list[Hidden] = [Secret(HIDDEN), SecretBytes(HIDDEN.encode())]


@for_each("encoder", [*ENCODERS])
def test_no_encoder_shows_it(encoder: str) -> None:
    for secret in SECRETS:
        for value in (secret, NewKey("asha", secret), {"token": secret}, [secret]):
            try:
                shown = repr(ENCODERS[encoder](value))
            except Exception as refused:  # noqa: BLE001  # each library has its own
                shown = f"{type(refused).__name__} {refused} {refused.__context__}"
                assert re.search("Secret|NewKey|__dict__|asdict", shown)
            else:
                assert "***" in shown
            assert HIDDEN not in shown


@pytest.mark.parametrize("encoder", ["pickle", "fastapi", "encoder"])
def test_a_refusal_says_what_to_do(encoder: str) -> None:
    for value in (SECRETS[0], NewKey("asha", SECRETS[0])):
        with pytest.raises((TypeError, ValueError)) as refused:
            ENCODERS[encoder](value)
        assert ADVICE in str(refused.value)


def test_a_response_model_with_a_secret_is_refused_when_the_route_is_declared() -> None:
    key = NewKey("asha", SECRETS[0])
    with pytest.raises(TypeError) as refused:
        answered_by_fastapi(key, dataclasses.make_dataclass("Key", [("token", Secret)]))

    assert str(refused.value).startswith("a Secret is no field of a pydantic model or of an answer")
    assert ADVICE in str(refused.value)


def test_a_model_of_the_service_shows_what_was_revealed_on_purpose() -> None:
    class ShownKey(pydantic.BaseModel):
        name: str
        token: str

    shown = answered_by_fastapi({"name": "asha", "token": Secret(HIDDEN).reveal()}, ShownKey)

    assert json.loads(shown) == {"name": "asha", "token": HIDDEN}
