"""Plays the steps of one journey against one side; it must not know what the answers should be.

A journey has a client of its own: its cookies are carried from step to step and shared with nobody. Redirects
are not followed and the environment's proxies are not asked, so that what is seen is what the side said.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from types import TracebackType
from urllib.parse import urlsplit
from urllib.request import Request

import httpx

from golden.errors import GoldenError, SideError, ThreadingError
from golden.rendering import handed_on, render
from golden.step import Step
from shadow import Observation, RequestSnapshot, plain_observation

DEADLINE = 30.0  # seconds for one whole answer
MAX_BODY = 8 * 1024 * 1024  # bytes of one answer


@dataclass(frozen=True, slots=True)
class Played:
    """A step that was answered: the request as it was sent, the answer, and the cookies after it."""

    request: RequestSnapshot
    answer: Observation
    cookies: Mapping[str, str]


class Connections(httpx.AsyncBaseTransport):
    """Connections to sides that many journeys share; cookies and values are each journey's own."""

    def __init__(self, most: int) -> None:
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
        self._inner = httpx.AsyncHTTPTransport(verify=_tls(), limits=limits, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """A journey that ends leaves the connections to the others; see `close`."""

    async def close(self) -> None:
        """Give all connections back."""
        await self._inner.aclose()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # reading the authorities takes longer than most requests


@lru_cache(maxsize=8)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)  # a run asks one or two sides, ten thousand times


class _OneSide(DefaultCookiePolicy):
    """Cookies of the one side a journey talks to: it may be reached by another name than the one for which it
    sets them, and behind its TLS, so a Domain and a Secure say nothing here.
    """

    def __init__(self) -> None:
        super().__init__(secure_protocols=("https", "wss", "http"))

    def set_ok_domain(self, cookie: Cookie, request: Request) -> bool:
        """Whatever it says."""
        return True

    def domain_return_ok(self, domain: str, request: Request) -> bool:
        """Whatever it said."""
        return True

    def return_ok_domain(self, cookie: Cookie, request: Request) -> bool:
        """Whatever it said."""
        return True


class Player:
    """One journey on one side. `values` are the values handed on so far, by name; `base_url` is the address
    without a password.
    """

    def __init__(
        self,
        base_url: str,
        *,
        secrets: Mapping[str, str] | None = None,
        deadline: float = DEADLINE,
        max_body: int = MAX_BODY,
        connections: Connections | None = None,
    ) -> None:
        self._url = checked_url(base_url)
        self.base_url = shown_url(self._url)
        self.values: dict[str, str] = dict(secrets or {})
        self._deadline = deadline
        self._max_body = max_body
        self._jar = CookieJar(_OneSide())
        self._cookies = httpx.Cookies(self._jar)
        self._client = httpx.AsyncClient(
            transport=connections or httpx.AsyncHTTPTransport(verify=_tls(), trust_env=False),
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(deadline),
            # The client would copy its cookies into a jar with a policy of its own: ours are put in by us.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"user-agent": "banyan-golden", "accept": "*/*", "accept-encoding": "identity"},
        )

    async def __aenter__(self) -> "Player":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def play(self, step: Step) -> Played:
        """Send one step and read its whole answer; raises `SideError` or `ThreadingError`."""
        try:
            request = self._request(step)
        except (ValueError, httpx.InvalidURL) as error:
            raise ThreadingError(f"the request cannot be written ({_plain(error)})") from None
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._deadline):
                answer = await self._answer(request, began)
        except TimeoutError:
            raise SideError(
                f"{self.base_url} had not finished its answer after {self._deadline:g} s"
            ) from None
        except httpx.TimeoutException:
            raise SideError(f"{self.base_url} did not answer within {self._deadline:g} s") from None
        except httpx.ConnectError as error:
            raise SideError(f"{self.base_url} cannot be reached ({_plain(error)})") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise SideError(f"{self.base_url} did not answer in HTTP ({_plain(error)})") from None
        sent = RequestSnapshot(
            method=request.method,
            target=request.url.raw_path.decode("latin-1"),
            headers=tuple((name.lower(), value) for name, value in request.headers.raw),
            body=request.content,
        )
        return Played(sent, answer, {item.name: item.value or "" for item in self._jar})

    def hand_on(self, step: Step, played: Played) -> None:
        """Take the values out that later steps need; raises `ThreadingError` when one is not there."""
        self.values |= handed_on(step, played.answer, played.cookies)

    def _request(self, step: Step) -> httpx.Request:
        method, target, headers, body = render(step, self.values)
        base = _parsed(self._url)
        url = base.copy_with(raw_path=base.raw_path.rstrip(b"/") + target.encode("ascii"))
        fields = [(name.encode("ascii", "replace"), value.encode("utf-8")) for name, value in headers]
        if cookies := self._held(str(url), dict(headers)):
            fields.append((b"cookie", cookies.encode("utf-8")))
        return self._client.build_request(method, url, headers=fields, content=body or None)

    def _held(self, url: str, headers: dict[str, str]) -> str:
        """The cookies that go with a request, where it does not bring its own."""
        if next(iter(self._jar), None) is None:
            return ""
        asked = Request(url, headers=headers)  # noqa: S310 - what the jar speaks of; never opened
        self._jar.add_cookie_header(asked)
        return str(asked.unredirected_hdrs.get("Cookie", ""))

    async def _answer(self, request: httpx.Request, began: float) -> Observation:
        response = await self._client.send(request, stream=True)
        try:
            if "set-cookie" in response.headers:
                self._cookies.extract_cookies(response)
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > self._max_body:
                    raise SideError(f"{self.base_url} sent more than {self._max_body} bytes")
        finally:
            await response.aclose()
        answer = plain_observation(
            Observation(
                side="new",
                status=response.status_code,
                headers=tuple((name.lower(), value) for name, value in response.headers.raw),
                body=bytes(body),
                elapsed=asyncio.get_running_loop().time() - began,
            )
        )
        # Some compress whatever they are asked for.
        if answer.cut or len(answer.body) > self._max_body:
            coding = response.headers.get("content-encoding", "")
            raise SideError(
                f"{self.base_url} sent a body coded as {coding!r} that is damaged, of an unknown coding, or "
                f"more than {self._max_body} bytes"
            )
        return answer


def checked_url(url: str) -> str:
    """A base address without its final slash; raises `GoldenError` when it is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and not parts.query and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        raise GoldenError(
            f"{_hidden(url)!r} is no address of a side; expected for example http://127.0.0.1:5001"
        )
    return url.rstrip("/")


def shown_url(url: str) -> str:
    """The address without the name and password that may stand in it, for reports and messages."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def secrets_from(wanted: Mapping[str, str], env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The secrets a journey needs, from the environment; raises `ThreadingError` naming the variable."""
    known = os.environ if env is None else env
    for name, variable in wanted.items():
        if not known.get(variable):
            raise ThreadingError(
                f"the secret {{{name}}} needs the environment variable {variable}, which is not set"
            )
    return {name: known[variable] for name, variable in wanted.items()}


def _hidden(url: str) -> str:
    before, at, behind = url.rpartition("@")
    return f"{before.partition('://')[0]}://…@{behind}" if at else url


def _plain(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
