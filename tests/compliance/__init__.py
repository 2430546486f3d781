"""The rules that the wire must keep, each with its tests: raw sockets on both ends, exact bytes.

- ``rules``  the table of rules; ``python -m tests.compliance > docs/wire.md`` writes the page
- ``stage``  a worker process between a raw client and two scripted applications
"""
