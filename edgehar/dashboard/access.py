"""Access to the page: without a token only this host may look at it, with one whoever shows it.

A browser carries out what any website tells it to, so that a page from elsewhere could reach this server with the rights of
who looks at it. Three things keep it out:

- Its own name may be made to lead here (DNS rebinding): then the browser takes both for one site. It still sends the
  name as `Host`, and without a token only names of loopback are answered; with one it lacks the cookie of ours.
- It may open the WebSocket, which no same-origin policy forbids, or post a form (CSRF): the browser says in `Origin` whose
  page does it, and nobody but our own page may.
- Its requests would carry our cookie: `SameSite=Strict` keeps the browser from that.
"""

import hmac
import ipaddress
from hashlib import sha256
from urllib.parse import urlsplit

from aiohttp import web

COOKIE_S = 30 * 86_400
"""A browser that showed the token need not show it again for so long, s."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
"""Stand in every answer: nothing comes from elsewhere, runs inline, is framed, or is kept."""


class Access:
    """The rule for one server."""

    def __init__(self, token: str | None, cookie: str) -> None:
        """Take what who looks has to show, if anything, and the name under which a browser keeps it."""
        self._token, self._cookie = token, cookie

    def refusal(self, request: web.Request) -> web.Response | None:
        """Return the answer to who may not look; None if they may."""
        if not self._is_our_page(request):
            return _text(403, "this request comes from another website's page, which may not look here")
        if self._token is None and not _is_loopback_name(_host_of(request)):
            return _text(403, "without a token this page answers to localhost and 127.0.0.1 alone")
        if self._token is None or self._shows_token(request):
            return None
        hint = "this page is for who shows its token: open it once as /?token=TOKEN, or send it as `Authorization: Bearer TOKEN`"
        return _text(401, hint, {"WWW-Authenticate": "Bearer"})

    def remember(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let a browser that showed the token in the address keep a cookie in its place."""
        if self._token is not None and "token" in request.query:
            response.set_cookie(
                self._cookie,
                self._kept(self._token),
                max_age=COOKIE_S,
                httponly=True,
                samesite="Strict",
                secure=request.secure,
            )

    def _shows_token(self, request: web.Request) -> bool:
        assert self._token is not None
        shown = {
            self._token: request.query.get("token", ""),
            f"Bearer {self._token}": request.headers.get("Authorization", ""),
            self._kept(self._token): request.cookies.get(self._cookie, ""),
        }
        # In constant time, and all three: how long it takes would tell how much of a guess is right.
        results = [
            hmac.compare_digest(expected.encode(), came.encode(errors="replace"))
            for expected, came in shown.items()
        ]
        return any(results)

    @staticmethod
    def _kept(token: str) -> str:
        """Return what a cookie holds: who reads it in a browser's files has not the token itself."""
        return hmac.digest(token.encode(), b"edgehar page", sha256).hex()

    @staticmethod
    def _is_our_page(request: web.Request) -> bool:
        """Tell whether no page from elsewhere asks; programs that are no browser send no `Origin`."""
        origin = request.headers.get("Origin")
        if origin is not None:
            # Whoever ends the encryption in front of this server changes the scheme, but not the name.
            return origin.removeprefix("https://").removeprefix("http://") == _host_of(request)
        # To open the page by a link from elsewhere is no harm.
        is_page = request.method == "GET" and request.path == "/"
        return is_page or request.headers.get("Sec-Fetch-Site", "none") in {"same-origin", "none"}


def _host_of(request: web.Request) -> str:
    """Return the `Host` of a request, empty where it has none: `request.host` would look up a name, for which all else waits."""
    return request.headers.get("Host", "")


def _is_loopback_name(host: str) -> bool:
    """Tell whether a `Host` names this host itself, on any port: one may lead here from another."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _text(status: int, sentence: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{sentence}\n", headers=headers)
