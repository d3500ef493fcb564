"""Credentials of a request: the session of a cookie, the API key of a header, and refusals.

Written once for all frameworks, which only call ``verify``, or await it, in between.
"""

import math
from collections.abc import Iterable
from datetime import timedelta

from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.login_attempts import SignIn
from oadb.accounts.sessions import NewSession, Session
from oadb.accounts.user_rows import SignedInUser
from oadb.integrations.problem_details import ProblemDetails, RequestRefusedError
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret

__all__ = ["signed_in"]

# Credentials that were accepted once and are not any more are as good as none.
_STATUS = {Refusal.TOO_WEAK: 403, Refusal.INACTIVE: 403}

_SESSION_TEXTS = {
    Refusal.UNKNOWN: "The session has ended; sign in.",
    Refusal.TOO_WEAK: "This needs a more recent sign-in, or one with a second factor.",
}
_KEY_TEXTS = {
    Refusal.UNKNOWN: "The API key is unknown.",
    Refusal.REVOKED: "The API key was revoked.",
    Refusal.EXPIRED: "The API key has expired.",
    Refusal.INACTIVE: "The user of the API key is disabled.",
}

# Methods by which a link or a form of another site changes nothing.
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_of(header: str, name: str) -> Secret | None:
    """Return the first cookie of a name in a Cookie header, however it looks; None: no such one."""
    for pair in header.split(";"):
        found, _, value = pair.partition("=")
        if found.strip() == name:
            return Secret(value.strip().strip('"'))
    return None


def key_in(value: str, header: str) -> Secret | None:
    """Return the API key of a header's value; of Authorization, its bearer token; None: none."""
    if header.lower() == "authorization":
        scheme, _, value = value.strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
    return Secret(value.strip()) if value.strip() else None


def refuse_other_sites(method: str, fetch_site: str) -> None:
    """Refuse a request with a cookie that a page of another site has made a browser send.

    Args:
        fetch_site: the header Sec-Fetch-Site, which pages cannot set; empty: no browser, or an old
            one, which the cookie's SameSite protects.

    Raises:
        RequestRefusedError: 403.
    """
    if method not in _SAFE and fetch_site.strip().lower() == "cross-site":
        said = "A page of another site has sent this request."
        raise RequestRefusedError(ProblemDetails(403, "cross_site", said))


def session_token(header: str, name: str) -> Secret:
    """Return the token of the session in a Cookie header.

    Raises:
        RequestRefusedError: 401: there is none.
    """
    token = cookie_of(header, name)
    if token is None:
        raise RequestRefusedError(_unauthorized("missing", "Sign in.", _cookie_challenge(name)))
    return token


def accepted_session(found: Session | Refusal, name: str) -> Session:
    """Return the session that ``sessions.verify`` has found.

    Args:
        name: that of its cookie.

    Raises:
        RequestRefusedError: 401: there is no valid one; 403: it is too weak.
    """
    if isinstance(found, Refusal):
        said = _SESSION_TEXTS.get(found, "Sign in.")
        raise RequestRefusedError(_refused(found, said, _cookie_challenge(name)))
    return found


def key_token(value: str, header: str) -> Secret:
    """Return the API key in the value of a header.

    Raises:
        RequestRefusedError: 401: there is none.
    """
    token = key_in(value, header)
    if token is None:
        raise RequestRefusedError(_unauthorized("missing", "An API key is needed.", _BEARER))
    return token


def accepted_key(found: VerifiedKey | Refusal, scopes: Iterable[str]) -> VerifiedKey:
    """Return the key that ``api_keys.verify`` has found.

    Args:
        scopes: what it must be allowed.

    Raises:
        RequestRefusedError: 401: there is no valid one; 403: it lacks a scope, or its user is
            disabled.
    """
    if isinstance(found, Refusal):
        raise RequestRefusedError(_refused(found, _KEY_TEXTS[found], _INVALID_BEARER))
    if missing := [scope for scope in scopes if scope not in found.scopes]:
        said = f"The API key lacks the scope {missing[0]}."
        raise RequestRefusedError(ProblemDetails(403, "scope", said))
    return found


def signed_in(result: SignIn) -> SignedInUser:
    """Return the user of a sign-in; see ``login_attempts.sign_in``.

    Raises:
        RequestRefusedError: 429 with the wait: too many tries; 401: the name, the password or the
            code is wrong, or, with the reason ``code_needed``, a code is needed.
    """
    if result.user is not None:
        return result.user
    if result.wait > timedelta():
        seconds = math.ceil(result.wait.total_seconds())
        said = "There were too many tries; wait before the next one."
        raise RequestRefusedError(ProblemDetails(429, "locked", said, retry_after=seconds))
    if result.needs_code:
        raise RequestRefusedError(
            _unauthorized("code_needed", "A code of the second factor is needed.", _FORM)
        )
    raise RequestRefusedError(_unauthorized("wrong", "The name or the password is wrong.", _FORM))


def session_cookie(name: str, made: NewSession) -> str:
    """Return the Set-Cookie header for a new session, which lasts as long as the session may."""
    age = int((made.session.expires_at - made.session.created_at).total_seconds())
    return _cookie(name, made.token.reveal(), age)


def ended_cookie(name: str) -> str:
    """Return the Set-Cookie header that removes the cookie of a session."""
    return _cookie(name, "", 0)


def _cookie(name: str, value: str, age: int) -> str:
    return f"{name}={value}; Max-Age={age}; Path=/; Secure; HttpOnly; SameSite=Lax"


_BEARER, _INVALID_BEARER = "Bearer", 'Bearer error="invalid_token"'
_FORM = "Password"


def _cookie_challenge(name: str) -> str:
    return f'Cookie cookie-name="{name}"'


def _refused(refusal: Refusal, said: str, challenge: str) -> ProblemDetails:
    status = _STATUS.get(refusal, 401)
    return ProblemDetails(status, refusal.value, said, challenge=challenge if status == 401 else "")


def _unauthorized(reason: str, said: str, challenge: str) -> ProblemDetails:
    return ProblemDetails(401, reason, said, challenge=challenge)
