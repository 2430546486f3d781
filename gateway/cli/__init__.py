"""The command line `banyan`: one small file per command or group; says what the gateway answers, decides
nothing.

- `options`   what every command takes; `settings` where the gateway is found and with which token
- `client`    the admin API, as a command asks it; `direct` a rollback without it
- `output`    JSON, or tables (colours on a terminal only); `failures` one sentence and an exit code
- `run`, `check`, `status`, `dial`, `rollback`, `explain`, `diffs`, `report`, `ledger`, `golden`   the
  commands

Exit codes: 0 done; 1 the answer is "no" (a regression, not ready, refused); 2 could not tell, or bad usage.
"""

from gateway.cli.program import main

__all__ = ["main"]
