"""What was worked out for an object is known by the object, not by what it holds."""

from shadow import Remembered


def test_an_equal_one_is_another_one() -> None:
    """So nothing has to be compared, and nothing hashed."""
    known: Remembered[list[int], str] = Remembered(10)
    one, other = [1], [1]
    known.keep(one, "seen")
    assert known.find(one) == "seen"
    assert known.find(other) is None


def test_beyond_its_bound_it_begins_anew() -> None:
    known: Remembered[tuple[int, ...], int] = Remembered(3)
    keys = [(number,) for number in range(7)]
    for number, key in enumerate(keys):
        known.keep(key, number)
        assert len(known) <= 3
        assert known.find(key) == number
    assert known.find(keys[0]) is None


def test_a_number_that_was_given_away_again_is_no_acquaintance() -> None:
    """What is kept cannot be gone, so no other object can have its place in memory."""
    known: Remembered[tuple[int, ...], int] = Remembered(1000)
    for number in range(500):
        known.keep((number, number), number)
    assert all(known.find((number, number)) is None for number in range(500))
