"""What import-linter cannot say: packages meet at front doors, and stand on declared dependencies."""

import ast
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.docs.repository import (
    HELPERS,
    PRODUCT,
    PRODUCTS_AND_APPLICATIONS,
    ROOT,
    Import,
    declared,
    imports,
    is_standard,
    normalised,
    project,
)

# The only modules that put a process together; they alone may name an adapter behind a front door.
WIRING = (
    "gateway/cli",
    "gateway/supervisor.py",
    "gateway/worker.py",
    "gateway/sources.py",
    "gateway/control_process.py",
    "gateway/shadow_process.py",
    "bench/deciding.py",
)
ADAPTERS = ("providers", "stores", "sinks")
# A measurement of one process by itself plays the other end of its socket; an application takes what is for
# applications, which are two files of their own; what deciding costs is measured with what a request brings.
PLAYS = {
    "bench/deciding.py": ("gateway.core.context", "gateway.core.headers"),
    "bench/shadow/cost.py": ("gateway.capture", "gateway.config"),
    "bench/shadow/streams.py": (
        "gateway.capture",
        "gateway.config",
        "gateway.stream_link",
        "gateway.streams.names",
        "gateway.streams.way",
    ),
    "bench/shadow/twins.py": ("shadow.asgi", "shadow.scratch"),
}
IMPORTED_AS_ANOTHER_NAME = {"google": "google-genai"}


def test_every_top_level_package_is_on_the_plan() -> None:
    """A new folder of code has to be placed before it passes."""
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found <= {*PRODUCTS_AND_APPLICATIONS, *HELPERS}
    assert set(project()["tool"]["importlinter"]["root_packages"]) == set(PRODUCTS_AND_APPLICATIONS)


@pytest.mark.parametrize("package", PRODUCT)
def test_a_package_says_what_it_offers(package: str) -> None:
    """The front door is `__all__`, and the docstring is the map."""
    door = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(door), f"{package}/__init__.py has no docstring"
    if package != "gateway":  # nothing imports the gateway
        assert front_door(package), f"{package}/__init__.py has no __all__"


@pytest.mark.parametrize("package", [*PRODUCTS_AND_APPLICATIONS, "bench", "deploy"])
def test_packages_meet_at_their_front_doors(package: str) -> None:
    """`from shadow import compare`, never `from shadow.comparer import compare`."""
    others = [other for other in PRODUCT if other != package]
    inner = [found for found in imports(package) if trespasses(found, others)]
    assert [f"{found.place} {found.module}" for found in inner] == []


@pytest.mark.parametrize("package", [*PRODUCT, "bench", "deploy"])
def test_what_is_taken_through_a_front_door_is_offered_there(package: str) -> None:
    """A name that is not in `__all__` is not part of the package's promise."""
    taken = [found for found in imports(package) if found.module in PRODUCT and found.module != package]
    hidden = [
        f"{found.place} {found.module}.{name}"
        for found in taken
        for name in found.names
        if name not in front_door(found.module) and not (ROOT / found.module / name).is_dir()
    ]
    assert hidden == []


@pytest.mark.parametrize("package", PRODUCT)
def test_the_product_stands_on_declared_dependencies_alone(package: str) -> None:
    """Nothing is imported that the wheel does not ask for: no test tool, no application's library."""
    undeclared = undeclared_imports(package, declared()["product"])
    assert undeclared == []


@pytest.mark.parametrize(("package", "group"), [("legacy_app", "legacy"), ("new_app", "new")])
def test_the_applications_stand_on_their_own_groups(package: str, group: str) -> None:
    """Each application declares what it uses, apart from the product."""
    assert undeclared_imports(package, declared()[group]) == []


def trespasses(found: Import, others: list[str]) -> bool:
    """Whether an import reaches behind another package's front door without being allowed to."""
    package, _, inner = found.module.partition(".")
    if package not in others or not inner:
        return False
    if found.module in PLAYS.get(str(found.file.relative_to(ROOT)), ()):
        return False
    wired = any(found.file.is_relative_to(ROOT / place) for place in WIRING)
    return not (wired and inner.partition(".")[0] in ADAPTERS)


def front_door(package: str) -> set[str]:
    """The names in a package's `__all__`, read without importing it."""
    for node in ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return set(ast.literal_eval(node.value)) if node.value else set()  # type: ignore[attr-defined]
    return set()


def undeclared_imports(package: str, allowed: set[str]) -> list[str]:
    """Third-party imports of a package that its list of dependencies does not name, with where they stand."""
    known = packages_distributions()
    found = []
    for each in imports(package):
        top = each.module.partition(".")[0]
        if is_standard(top) or top in PRODUCTS_AND_APPLICATIONS:
            continue
        if top == "pytest" and each.file.name == "pytest_plugin.py":  # only pytest loads it
            continue
        names = {normalised(name) for name in known.get(top, [top])} | {
            IMPORTED_AS_ANOTHER_NAME.get(top, top)
        }
        if not names & allowed and not brought_along(top, allowed):
            found.append(f"{each.place} {each.module}")
    return found


def brought_along(top: str, allowed: set[str]) -> bool:
    """Libraries that another one shows: FastAPI shows Starlette and pydantic, Flask Werkzeug."""
    faces = {"starlette": "fastapi", "pydantic": "fastapi", "werkzeug": "flask", "markupsafe": "flask"}
    faces |= {"itsdangerous": "flask", "jinja2": "flask"}
    return faces.get(top, "") in allowed


def test_an_import_behind_a_front_door_is_found() -> None:
    """The check above can fail."""
    inside = Import("shadow.comparer", ("compare",), ROOT / "gateway" / "proxy.py", 1)
    wiring = Import("flags.providers.unleash", ("Unleash",), ROOT / "gateway" / "worker.py", 1)
    assert trespasses(inside, ["shadow", "flags"])
    assert not trespasses(wiring, ["shadow", "flags"])
    assert trespasses(wiring._replace(file=Path(ROOT / "gateway" / "proxy.py")), ["shadow", "flags"])
