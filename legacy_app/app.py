"""The Flask application, put together from its parts; the only place that knows all of them."""

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from . import errors, metrics, sessions
from .partner.choose import choose_partner
from .routes import chat, health, history, pages, scenarios, session, watch
from .settings import Settings
from .texts import BODY_MAX

BLUEPRINTS = (health, chat, scenarios, watch, history, session, pages)


class PrintedJson(DefaultJSONProvider):
    """Indented, sorted, ASCII, with a newline at the end: what the clients have always got."""

    compact = False
    sort_keys = True
    ensure_ascii = True


def create_app(settings: Settings) -> Flask:
    app = Flask(__name__)
    app.json = PrintedJson(app)
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX
    store = sessions.install(app, settings)
    app.extensions["store"] = store
    app.extensions["partner"] = choose_partner(settings)
    app.extensions["settings"] = settings
    errors.install(app)
    metrics.install(app, store.count)
    for module in BLUEPRINTS:
        app.register_blueprint(module.routes)
    return app
