"""The way of captured exchanges over a Redis that several machines share: streams, one for each shard of the
sessions.

In the order an exchange takes:

- ``names``    the keys in Redis, and which shard a session belongs to
- ``client``   how Redis is asked: with limits, its errors as one
- ``scripts``  every step that must happen as a whole, as Lua: adding, reading, settling, taking over
- ``origin``   what one worker's part of the books says in Redis (pure)
- ``way``      from a worker into the streams: bounded, never waited for; tells the worker what became of it
- ``sealing``  exchanges encrypted on their way, where there is a key
- ``lease``    which process works on which shard: a lease, a fencing token, a fair share
- ``holdings`` one process's shards: read in order, settled exactly once, handed over
- ``desk``     what everybody has written down, for the control process; sweeps away what grows too old

Redis is a way and no truth: the books are kept by the worker, by what was settled for it in all. It must not
know what an exchange is: frames are bytes here. Its parts are imported one by one: who shares no Redis loads
no client.
"""
