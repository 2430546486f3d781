"""A long life in a short time: `python -m bench.soak`, a million requests, mixed faults on both sides,
clients that leave, reloads on the way; and at the end memory is flat and every request is accounted for.

In the order of a run:

- `application`  a program: an upstream that does what the path of a request asks it to do, mostly wrong
- `rig`          two of them and a gateway in front, started and ended
- `visitors`     the clients: what each of them asked for, and what it saw
- `account`      what the visitors saw beside what `/metrics` says; every difference is a line
- `watch`        memory and open files of the gateway's processes
- `gaps`         a program of its own: keep-alive races against the two real applications
"""
