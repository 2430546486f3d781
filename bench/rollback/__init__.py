"""How long a rollback takes, whatever is broken: `python -m bench.rollback`.

- `sides`    both applications and their users in one loop, which note when the new side was asked last
- `machine`  one gateway as it runs in production, its commands, its children
- `trouble`  what is dead, full or hanging
- `trials`   one rollback in trouble; a thousand of them; over two machines

Time is counted from the moment a command is started to the last request that reached the new side.
"""
