"""Applications that close their idle connections when they please: no request is lost to that."""

from pathlib import Path

from bench.soak.gaps import against_the_applications


def test_gaps_around_the_applications_own_limits_lose_nothing(tmp_path: Path) -> None:
    """Real gunicorn (2 s) and uvicorn (5 s), half of the users on either side, connections kept too long."""
    statuses = against_the_applications(tmp_path, clients=200, each=4)
    assert statuses == {200: 800}
