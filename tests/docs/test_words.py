"""Words that must not stand here: an application's in the product, a machine's or a registry's anywhere."""

import re

import pytest

from tests.docs.repository import PRODUCT, ROOT, tracked_texts

# "watch" and "session" are ordinary English too; as the application's words they come in these shapes.
APPLICATION_WORDS = re.compile(
    r"\b(chat|chats|scenario|scenarios|roleplay|watch_history|chat_history|scenario_history|workplace)\b"
    r"|/api/watch|workplace_roleplay",
    re.IGNORECASE,
)
# Split so that this file does not find itself.
MACHINE_PATHS = re.compile("|".join(["/" + "work/", "/" + r"root\b", "/" + r"home/\w", "/" + r"opt/\w"]))
REGISTRIES = re.compile(
    "|".join(["pypi" + r"\.org", "files.python" + "hosted", "registry.npm" + "js", "/" + r"simple/\w"])
)
LINES_THAT_MAY = {
    # name of a file → words it may hold, with the reason
    "LICENSE": "the licence's own text",
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the chat feature", True),
        ("CHAT", True),
        ("/api/watch/next", True),
        ("a scenario", True),
        ("watch the revision", False),
        ("chatter", False),
        ("session", False),
    ],
)
def test_the_pattern_finds_words_not_parts_of_words(text: str, found: bool) -> None:
    """The check below can fail, and does not cry wolf."""
    assert bool(APPLICATION_WORDS.search(text)) is found


def test_the_product_holds_no_word_of_the_reference_applications() -> None:
    """The product knows them through a configuration file and nothing else."""
    assert hits(APPLICATION_WORDS, [str(name) for name in PRODUCT]) == []


def test_no_path_of_somebodys_machine() -> None:
    """A checkout works wherever it lies."""
    assert hits(MACHINE_PATHS) == []


def test_no_registry_by_name() -> None:
    """Where packages come from is the installing machine's business."""
    assert hits(REGISTRIES) == []


def hits(pattern: re.Pattern[str], folders: list[str] | None = None) -> list[str]:
    """Where a pattern stands in tracked files, as file:line and what was found."""
    found = []
    for path, text in tracked_texts():
        name = path.relative_to(ROOT)
        if (folders and name.parts[0] not in folders) or str(name) in LINES_THAT_MAY:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            found += [f"{name}:{number} {match.group()}" for match in pattern.finditer(line)]
    return found
