"""``Banyan-Shadow`` for a WSGI application, in two lines; see ``scratch``. Standard library only.

A copy is answered in full and leaves nothing behind: what keeps it from having effects is named by the
application's owner, and only then does the answer say ``Banyan-Shadow: honoured``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from contextvars import Context, copy_context
from typing import Any, TypeAlias

from shadow.scratch import ASKED, HEADER, HONOURED, Scratch, enter, set_cookie, space_of

Environ: TypeAlias = dict[str, Any]
Isolate: TypeAlias = "Callable[[Environ], AbstractContextManager[Any]]"
Application: TypeAlias = "Callable[[Environ, Callable[..., Any]], Iterable[bytes]]"


class ShadowMode:
    """``isolated_by``: every ``Scratch`` in use, and functions from the environ to a context manager (a
    transaction that is rolled back) inside which a copy is answered. At least one.
    """

    def __init__(self, app: Application, *isolated_by: Scratch[Any] | Isolate) -> None:
        if not isolated_by:
            raise ValueError("name what keeps a copy from having an effect: a Scratch, or a function")
        self._app = app
        self._isolates = [each for each in isolated_by if not isinstance(each, Scratch)]

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a user as ever, and a copy apart."""
        if environ.get("HTTP_BANYAN_SHADOW") != ASKED:
            return self._app(environ, start_response)
        space, is_new = space_of(environ.get("HTTP_COOKIE", ""))
        extra = [(HEADER, HONOURED), *([("Set-Cookie", set_cookie(space))] if is_new else [])]

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, *extra], *more)

        context, isolation = copy_context(), ExitStack()
        context.run(enter, space)
        try:
            for isolate in self._isolates:
                context.run(isolation.enter_context, isolate(environ))
            return _Body(context.run(self._app, environ, start), context, isolation)
        except BaseException:
            context.run(isolation.close)
            raise


class _Body:
    """The answer's body, still made inside the isolation."""

    def __init__(self, body: Iterable[bytes], context: Context, isolation: ExitStack) -> None:
        self._body = body
        self._context = context
        self._isolation = isolation
        self._pieces = context.run(iter, body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return self._context.run(next, self._pieces)

    def close(self) -> None:
        """Called by the server when the answer has ended, well or not."""
        try:
            if hasattr(self._body, "close"):
                self._context.run(self._body.close)
        finally:
            self._context.run(self._isolation.close)
