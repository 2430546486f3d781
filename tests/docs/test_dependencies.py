"""Every dependency is explained, and every lock can be installed anywhere with its hashes."""

import re

import pytest

from tests.docs.repository import declared, normalised, read

LOCKS = ("requirements/product.lock", "requirements/dev.lock", "requirements/bench.lock")


def explained() -> list[str]:
    """The names in the first column of the tables of docs/dependencies.md."""
    return [normalised(name) for name in re.findall(r"^\| `([^`]+)` \|", read("docs/dependencies.md"), re.M)]


def test_every_dependency_has_its_line_and_every_line_its_dependency() -> None:
    """docs/dependencies.md and pyproject.toml name the same distributions."""
    assert set(explained()) == set().union(*declared().values())


def test_no_dependency_is_explained_twice() -> None:
    """One line each."""
    assert len(explained()) == len(set(explained()))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_no_machine(lock: str) -> None:
    """Where packages come from is the installing machine's business."""
    text = read(lock)
    assert "://" not in text
    assert "file:" not in text
    assert "--index" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_pinned_with_hashes(lock: str) -> None:
    """pip refuses an unhashed line anyway; here it is said earlier."""
    entries = re.split(r"\n(?=[a-z0-9])", read(lock).split("\n", 2)[2])
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries), lock


@pytest.mark.parametrize(
    ("lock", "groups"), [(LOCKS[0], ["product"]), (LOCKS[1], ["product", "dev", "legacy", "new"])]
)
def test_a_lock_holds_what_was_declared(lock: str, groups: list[str]) -> None:
    """A dependency that was added without `make lock` is found here."""
    locked = {normalised(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", read(lock), re.M)}
    assert set().union(*(declared()[group] for group in groups)) <= locked
