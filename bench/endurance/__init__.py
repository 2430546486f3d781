"""What the wire holds out, at full size: `python -m bench.endurance`, or some of its parts by name. The tests
have the same in small; here are the figures.

In the order of a run:

- `rig`       an application in this process, and a gateway with one worker in front of it
- `figures`   what a part found: figures with their bounds
- `leavers`   ten thousand clients that leave at random moments
- `bodies`    a gigabyte both ways, two hundred megabytes to and from slow peers
- `events`    the delay of server-sent events, a silence of a minute, a reader that leaves
- `refusals`  how long a refusal takes while accepted work goes on
- `storm`     thousands of connections at once
"""
