"""Life of a running gateway: TLS, sockets, reloads, overload; real processes and real sockets."""
