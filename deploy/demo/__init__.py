"""The reference migration, once through, on real servers: ``python -m deploy.demo``.

- ``servers``  both applications and the gateway as processes of their own, on free ports, ended whatever
               happens
- ``banyan``   the command line, as a person or a script would call it
- ``users``    generated users: real multi-turn conversations in the three modes, and many short visits
- ``acts``     the migration, step by step; each act returns what it measured or says what was not seen
- ``stage``    the progress display and the closing table
"""
