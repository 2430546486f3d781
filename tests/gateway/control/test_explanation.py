"""Why a request goes where it goes, as far as the admin port alone does not show it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flags import Context, Evaluation, FeatureState, FlagSnapshot
from gateway.config import load_config
from gateway.control.errors import Invalid
from gateway.control.explanation import Sent, explain
from tests.gateway.running import write_config


class _LooksAtFields:
    words = "looks at a field"
    wants = ("plan",)

    def evaluate(self, percent: int, key: str, context: Context | None) -> Evaluation:
        return Evaluation(0, percent, True)


@pytest.mark.parametrize("field", [("x-\u540d", "a"), ("x-plan", "\udce9")])
def test_a_field_that_no_request_can_carry_is_a_mistake_of_who_asks(
    tmp_path: Path, field: tuple[str, str]
) -> None:
    snapshot = FlagSnapshot(features={"orders": FeatureState(5000, rule=_LooksAtFields())})
    with pytest.raises(Invalid, match="fields that the gateway would take"):
        explain(
            load_config(write_config(tmp_path), {}),
            snapshot,
            "closed",
            "GET",
            "/api/orders/1",
            "a key",
            Sent("", (field,)),
        )


@pytest.mark.parametrize("method", ["M-SEARCH", "FOO2", "123", "get"])
def test_any_method_that_is_served_is_explained(tmp_path: Path, method: str) -> None:
    config = load_config(write_config(tmp_path), {})
    found = explain(config, FlagSnapshot(), "closed", method, "/api/orders/1", None, Sent("", ()))
    assert found.method == method.upper()
    assert ("case-sensitive" in found.note) == (method == "get")


@pytest.mark.parametrize("method", ["", "FO", "A" * 21, "#FOO", "G T", "GÉT", "po\u017ft", "\udce9"])
def test_what_is_no_method_is_a_mistake_of_who_asks(tmp_path: Path, method: str) -> None:
    config = load_config(write_config(tmp_path), {})
    with pytest.raises(Invalid, match="a method such as GET"):
        explain(config, FlagSnapshot(), "closed", method, "/api/orders/1", None, Sent("", ()))
