"""A tester's word: what is believed, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.decision import Side
from gateway.core.forcing import Force, Forcing, Ignored, sealed

KEY = b"a key of some length"
GOOD = Force(Side.NEW, 2000, "ann of the café; x=1", "orders")


@given(
    st.builds(
        Force,
        st.sampled_from(Side),
        st.integers(1001, 10**11),
        st.text(max_size=40),
        st.sampled_from(["", "orders", "a-b_c"]),
    )
)
def test_what_was_sealed_is_read_again(force: Force) -> None:
    """Whatever its author is called."""
    assert Forcing(KEY).read(sealed(force, KEY).encode(), 1000) == force


@given(st.data())
def test_nothing_that_was_altered_is_believed(data: st.DataObject) -> None:
    """Not a byte of it."""
    value = sealed(GOOD, KEY).encode()
    at = data.draw(st.integers(0, len(value) - 1))
    byte = data.draw(st.binary(max_size=2).filter(lambda one: one != value[at : at + 1]))
    assert Forcing(KEY).read(value[:at] + byte + value[at + 1 :], 1000) is Ignored.UNSIGNED


def test_it_ends() -> None:
    """Also when it was believed before."""
    forcing, value = Forcing(KEY), sealed(GOOD, KEY).encode()
    assert forcing.read(value, 1999.9) == GOOD
    assert forcing.read(value, 2000) is Ignored.EXPIRED


@pytest.mark.parametrize(
    "value", [b"new", b"legacy", b"nothing", b"", b"new;until=9999999999;by=ann;seal=" + b"0" * 64]
)
def test_without_a_seal_it_is_nothing(value: bytes) -> None:
    """The bare word above all."""
    assert Forcing(KEY).read(value, 1000) is Ignored.UNSIGNED


def test_another_key_or_none() -> None:
    """Believes nobody."""
    value = sealed(GOOD, KEY).encode()
    assert Forcing(b"another key of some length").read(value, 1000) is Ignored.UNSIGNED
    assert Forcing(None).read(value, 1000) is Ignored.UNSIGNED
