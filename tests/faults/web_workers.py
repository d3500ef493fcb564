"""The services of tests/integrations, for servers that are told a function which makes them."""

import atexit
import gc

from fastapi import FastAPI
from flask import Flask

from oadb.integrations.web_settings import WebSettings
from tests.integrations import fastapi_service, flask_service

# As docs/web.md advises: the exit of a worker costs a tenth of the CPU.
atexit.register(gc.freeze)


def wsgi() -> Flask:
    return flask_service.made(WebSettings())


def asgi() -> FastAPI:
    return fastapi_service.made(WebSettings())
