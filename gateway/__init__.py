"""The gateway: stands in front of both applications and decides, for every request, which of them answers."""
