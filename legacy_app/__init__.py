"""Workplace Roleplay as it has always been: a Flask application behind gunicorn.

The map, in the order data takes:

| place             | what it does                                                           |
|-------------------|------------------------------------------------------------------------|
| `__main__`, `wsgi`| two ways to start: gunicorn from here, or `gunicorn legacy_app.wsgi:app` |
| `settings`        | the environment, read and checked once                                 |
| `app`             | wires everything below into one Flask application                      |
| `sessions`, `shadow_mode` | where sessions lie; a second store for copied traffic          |
| `csrf`, `validation`, `errors` | what is refused, and how the refusal reads                |
| `routes/`         | one file for each group of addresses; decisions stand in its docstring |
| `histories`       | what a session remembers of a conversation                             |
| `partner/`        | the other person in the conversation                                   |
| `catalog`, `texts`, `data/` | scenarios, models, limits, sentences                         |
| `metrics`         | `/metrics`                                                             |
| `templates/`, `static/` | the pages people see                                             |
"""
