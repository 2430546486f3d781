"""What tests stand on: real servers on free ports, and peers that speak raw bytes.

In the order a test meets them:

- `ports`     a free port on loopback, and waiting until somebody listens there
- `spawn`     start a program, wait until it answers, end it by its pid, keep what it printed
- `redis`     a real Redis of one's own
- `postgres`  a real PostgreSQL, for Unleash
- `unleash`   a real Unleash server; `node` finds what runs it
- `chromium`  a real browser, or the reason why there is none
- `nginx`     a real proxy in front, or the reason why there is none
- `certificates`  an authority of one's own, for tests of TLS
- `raw`       a client and an upstream that send and log exact bytes
- `install`   a program: installs what the system packages and npm can give (run by `make test`)

The fixtures over them are in `fixtures` and reach every test through `tests/conftest.py`.
Nothing here imports the product.
"""
