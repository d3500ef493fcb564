"""The services of tests/integrations, for servers that are told a function which makes them."""

from fastapi import FastAPI
from flask import Flask

from oadb.integrations.web_settings import WebSettings
from tests.integrations import fastapi_service, flask_service


def wsgi() -> Flask:
    return flask_service.made(WebSettings())


def asgi() -> FastAPI:
    return fastapi_service.made(WebSettings())
