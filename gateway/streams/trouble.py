"""What it is called when Redis cannot be used. Apart from the client, so that it can be named without it."""


class RedisTrouble(Exception):
    """Redis did not answer, or not with what was asked for; whether it did what it was told is not known."""
