"""The whole of it on real servers: both applications, the gateway with all its processes, real clients."""
