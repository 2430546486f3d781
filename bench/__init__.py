"""What Banyan costs, beside proxies that are known: `python -m bench`.

The rig: core 0 runs the proxy under test, alone; core 1 runs the load (wrk) and the upstreams (nginx, 1 KB of
JSON on two ports). Rounds are interleaved, so a machine that warms up or slows down touches every row alike;
the table shows medians, and ratios to nginx. Repeated runs on a shared machine differ by a fifth: read the
ratios.

In the order of a run:

- `tools`      which programs are on this machine
- `processes`  start one on a core, wait for its port, end it by its pid
- `waiting`    until something is so
- `gateway_file` the file of a Banyan that is measured
- `peers`      one small file per proxy: its configuration and how it starts
- `load`       wrk, and what it printed
- `table`      medians, ratios, the printed table and bench/results/latest.json
- `deciding`   what a decision costs a worker, by source: `python -m bench.deciding`
- `endurance`  what the wire holds out, at full size: `python -m bench.endurance`
- `journeys`   locust users who go through many steps: `python -m bench --journeys URL`
"""
