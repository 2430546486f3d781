"""Every refusal, and how it reads: JSON under `/api/`, a page elsewhere.

ApiError                 the body's `error` is an object with `code`, `message`, `field`?
  (made by)  invalid()       400
             not_found()     404
partner.errors.PartnerBusy   429, with `retry_after` and `Retry-After`
partner.errors.PartnerFailed 503
werkzeug HTTPException       404, 405, 413 and whatever else the framework refuses
any other exception          500, logged, without a word about the cause
"""

import logging
from typing import Any, Final, cast

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from . import texts
from .partner.errors import PartnerBusy, PartnerFailed

log = logging.getLogger(__name__)

_READ_ON: Final = 1024 * 1024

# status of a framework's refusal: (code, message)
HTTP_ERRORS: Final[dict[int, tuple[str, str]]] = {
    404: (texts.NOT_FOUND, texts.PAGE_NOT_FOUND),
    405: (texts.METHOD_NOT_ALLOWED, texts.METHOD_REFUSED),
    413: (texts.BODY_TOO_LARGE, texts.TOO_LARGE),
    500: (texts.INTERNAL_ERROR, texts.INTERNAL),
}


class ApiError(Exception):
    """A request that is answered with an error object."""

    def __init__(self, status: int, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, str] = {"code": code, "message": message}
        if field:
            self.body["field"] = field


def invalid(message: str, field: str = "") -> ApiError:
    return ApiError(400, texts.VALIDATION_ERROR, message, field)


def not_found(message: str) -> ApiError:
    return ApiError(404, texts.NOT_FOUND, message)


def install(app: Flask) -> None:
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(PartnerBusy, _busy)
    app.register_error_handler(PartnerFailed, _failed)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def _api_error(error: ApiError) -> Response:
    return _answer(error.status, error.body)


def _busy(_: PartnerBusy) -> Response:
    body = {"code": texts.MODEL_BUSY, "message": texts.BUSY}
    response = _answer(429, body, retry_after=texts.BUSY_RETRY_AFTER)
    response.headers["Retry-After"] = str(texts.BUSY_RETRY_AFTER)
    return response


def _failed(error: PartnerFailed) -> Response:
    log.warning("the partner gave no answer: %s", error)
    return _answer(503, {"code": texts.MODEL_UNAVAILABLE, "message": texts.UNAVAILABLE})


def _http_error(error: HTTPException) -> Response:
    if error.code == 413:
        _read_on()
    if error.code is None or error.code < 400:
        # The router's own redirects are exceptions too, and no refusal.
        return cast(Response, error.get_response())
    code, message = HTTP_ERRORS.get(error.code, (f"HTTP_{error.code}", error.name))
    response = _refusal(error.code, code, message)
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value  # Allow, for one
    return response


def _unexpected(error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return _refusal(500, *HTTP_ERRORS[500])


def _refusal(status: int, code: str, message: str) -> Response:
    if request.path.startswith("/api/"):
        return _answer(status, {"code": code, "message": message})
    page = render_template("error.html", status=status, message=message)
    return Response(page, status=status, mimetype="text/html")


def _answer(status: int, error: dict[str, str], **more: Any) -> Response:
    response = jsonify({"error": error, **more})
    response.status_code = status
    return response


def _read_on() -> None:
    """Read what was refused, up to a bound, and throw it away: the server would hang up on an unread
    body, and the client might lose the answer with the connection."""
    left = _READ_ON
    while left > 0 and (data := request.environ["wsgi.input"].read(min(left, 65_536))):
        left -= len(data)
