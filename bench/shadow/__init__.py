"""What the shadow costs, seen from outside.

- ``cost``     one shadow process by itself: exchanges a second, and processor time for each
- ``latency``  the users' waiting times with the shadow off, on, slow, hung, dead and huge (``sides``)
- ``streams``  the same two where the work is shared over Redis
- ``faithful`` two identical sides, and the two reference applications: no false mismatch
"""
