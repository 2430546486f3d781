"""The routes, one file per mode; each function is one row of the public interface.

`given` holds what a route asks for (session, body, partner), `fields` reads and checks the body's fields.
"""
