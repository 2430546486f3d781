"""The new application: Workplace Roleplay rewritten for FastAPI, in the order a request takes.

`__main__` and `main` start it from `settings` (environment only). A request then passes `metrics`,
`version_header`, `shadow_mode` and `faults`, has its session loaded by `sessions`, and is answered by
one function in `routes`, which asks a `partner` for words and keeps them with `conversation`.

It knows the old application only through the interface both offer; no code is shared with it.
"""
