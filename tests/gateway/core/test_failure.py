"""What may be asked again, row by row; what a failure is to the client."""

from itertools import product

import pytest

from gateway.core.failure import Failure, Phase, Reason, Repeat, may_ask_again, may_fall_back

WAIT = Repeat("safe", b"GET", Phase.WAIT, True, False)


@pytest.mark.parametrize(
    ("changed", "allowed"),
    [
        ({}, True),
        ({"policy": "off"}, False),
        ({"policy": "off", "phase": Phase.CONNECT}, False),
        ({"phase": Phase.RELAY}, False),
        ({"body_kept": False}, False),
        ({"body_kept": False, "phase": Phase.CONNECT}, False),
        ({"method": b"POST", "phase": Phase.CONNECT}, True),
        ({"method": b"HEAD"}, True),
        ({"method": b"OPTIONS"}, True),
        ({"method": b"PUT"}, True),
        ({"method": b"DELETE"}, True),
        ({"method": b"POST"}, False),
        ({"method": b"PATCH"}, False),
        ({"method": b"PROPFIND"}, False),
        ({"method": b"POST", "idempotency_key": True}, False),
        ({"method": b"POST", "policy": "idempotency-key"}, False),
        ({"method": b"POST", "policy": "idempotency-key", "idempotency_key": True}, True),
        (
            {"method": b"POST", "policy": "idempotency-key", "idempotency_key": True, "phase": Phase.RELAY},
            False,
        ),
        ({"method": b"GET", "policy": "idempotency-key"}, True),
    ],
)
def test_each_row_of_the_table(changed: dict[str, object], allowed: bool) -> None:
    """See ``may_fall_back``."""
    assert may_fall_back(WAIT._replace(**changed)) is allowed  # type: ignore[arg-type] # rows of mixed types


def test_never_after_the_answer_began_whatever_else_holds() -> None:
    """Every combination."""
    for policy, method, kept, key in product(
        ("off", "safe", "idempotency-key"), (b"GET", b"POST", b"PUT"), (False, True), (False, True)
    ):
        assert not may_fall_back(Repeat(policy, method, Phase.RELAY, kept, key))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize(
    ("method", "allowed"),
    [(b"GET", True), (b"HEAD", True), (b"OPTIONS", True), (b"PUT", False), (b"POST", False)],
)
def test_a_server_error_is_hidden_only_where_asking_twice_is_free(
    status: int, method: bytes, allowed: bool
) -> None:
    """Safe methods."""
    assert may_ask_again(method, status) is allowed


@pytest.mark.parametrize("status", [200, 302, 400, 404, 429, 501, 505])
def test_other_statuses_are_answers(status: int) -> None:
    """Of the application, for the client."""
    assert not may_ask_again(b"GET", status)


STATUSES = {
    Reason.CONNECT_TIMEOUT: 504,
    Reason.FIRST_BYTE_TIMEOUT: 504,
    Reason.IDLE_TIMEOUT: 504,
    Reason.POOL_FULL: 503,
}


@pytest.mark.parametrize("reason", Reason)
def test_what_the_client_is_told(reason: Reason) -> None:
    """502 unless it was too slow or too much; and an error type of RFC 9209 for every reason."""
    failure = Failure(Phase.WAIT, reason)
    assert failure.status == STATUSES.get(reason, 502)
    assert failure.proxy_error.replace("_", "").isalpha()
