"""The pure heart of the gateway: values and decisions, no socket, no clock, no file.

In the order a request meets them:

- ``message``   what was asked and what was answered, as bytes
- ``target``    the request target, parsed once
- ``headers``   the fields: which end here, which pass, which facts they carry
- ``forwarding`` who asked, told to the upstream
- ``route``     target and method to feature
- ``breaker``   is the new side fit to be asked
- ``decision``  which side answers, and why
- ``failure``   what can go wrong, and whether the other side may be asked instead
- ``event``     what is told afterwards
- ``latency``   how durations are counted so that they can be merged
"""
