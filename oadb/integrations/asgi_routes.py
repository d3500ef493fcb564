"""The templates of the routes of an ASGI application, such as ``/users/{user_id}``."""

from collections.abc import Iterable, Iterator

from starlette.routing import BaseRoute, Mount
from starlette.types import Scope


def templates_in(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Yield the templates of routes, and of those in mounts."""
    for route in routes:
        yield str(getattr(route, "path", ""))
        yield from templates_in(getattr(route, "routes", None) or ())


def template_of(scope: Scope) -> str | None:
    """Return the template of the route that matched, with those of the mounts around it."""
    route, values = scope.get("route"), scope.get("path_params", {})
    own: object = "/" if isinstance(route, Mount) else getattr(route, "path_format", None)
    path = f"{scope.get('root_path', '')}/" if isinstance(route, Mount) else scope["path"]
    if not isinstance(own, str):
        return None
    # What stands before it are prefixes of mounts and routers, where parameters have their values.
    within = sum(str(value).count("/") for value in values.values())
    names = {str(value): f"{{{name}}}" for name, value in values.items()}
    before = path.rsplit("/", own.count("/") + within)[0].split("/")
    return "/".join(names.get(part, part) for part in before) + own
