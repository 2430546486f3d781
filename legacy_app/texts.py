"""Every limit and every sentence the application answers with; no Flask, no logic.

One place for the words, so that a page, a route and a test never disagree about them.

| name                  | value | meaning                                                       |
|-----------------------|-------|---------------------------------------------------------------|
| `MESSAGE_MAX`         | 1000  | characters of a message after the blanks around it are cut     |
| `HISTORY_MAX`         | 50    | entries kept of one conversation; the oldest go first          |
| `BODY_MAX`            | 64 Ki | bytes of a request body, else 413                              |
| `CSRF_EXPIRES_IN`     | 3600  | seconds, as announced by `/api/csrf-token`                     |
| `BUSY_RETRY_AFTER`    | 30    | seconds, in the 429 of a busy model                            |
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

VERSION: Final = "2.0.0"

MESSAGE_MAX: Final = 1000
HISTORY_MAX: Final = 50
BODY_MAX: Final = 64 * 1024
CSRF_EXPIRES_IN: Final = 3600
BUSY_RETRY_AFTER: Final = 30

# The values a request may carry, with the words a person reads for them.
PARTNER_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "colleague": "同僚",
        "senior": "先輩",
        "junior": "後輩",
        "boss": "上司",
        "client": "取引先",
    }
)
SITUATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lunch": "ランチ",
        "break": "休憩時間",
        "morning": "朝の出社時",
        "evening": "退社前",
        "party": "懇親会",
    }
)
TOPICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "general": "雑談",
        "hobby": "趣味",
        "news": "ニュース",
        "food": "食べ物",
        "work": "仕事",
    }
)
HISTORY_MODES: Final = ("chat", "scenario", "watch")
CLEAR_TYPES: Final = ("all", "chat", "scenario", "watch")
DIFFICULTIES: Final[Mapping[str, str]] = MappingProxyType(
    {"beginner": "初級", "intermediate": "中級", "advanced": "上級"}
)
CATEGORIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "regular_communication": "職場のコミュニケーション",
        "harassment_prevention": "ハラスメント防止",
    }
)

# Codes inside `{"error": {"code": …, "message": …, "field"?: …}}`.
VALIDATION_ERROR: Final = "VALIDATION_ERROR"  # 400
NOT_FOUND: Final = "NOT_FOUND"  # 404
METHOD_NOT_ALLOWED: Final = "METHOD_NOT_ALLOWED"  # 405
BODY_TOO_LARGE: Final = "BODY_TOO_LARGE"  # 413
MODEL_BUSY: Final = "MODEL_BUSY"  # 429, with `retry_after` beside `error`
INTERNAL_ERROR: Final = "INTERNAL_ERROR"  # 500
MODEL_UNAVAILABLE: Final = "MODEL_UNAVAILABLE"  # 503

# `{"error": message, "code": code}` with 403: the one error whose `error` is a plain sentence.
CSRF_MISSING: Final = ("CSRF_TOKEN_MISSING", "CSRFトークンがありません")
CSRF_INVALID: Final = ("CSRF_TOKEN_INVALID", "CSRFトークンが無効です")

# Messages with 400; the field that goes with each stands behind it.
BAD_BODY: Final = "リクエストの形式が正しくありません"  # no field
MESSAGE_NOT_TEXT: Final = "メッセージは文字列で入力してください"  # message
MESSAGE_EMPTY: Final = "メッセージを入力してください"  # message
MESSAGE_TOO_LONG: Final = f"メッセージは{MESSAGE_MAX}文字以内で入力してください"  # message
BAD_PARTNER_TYPE: Final = "相手の種類が正しくありません"  # partner_type
BAD_SITUATION: Final = "場面が正しくありません"  # situation
BAD_TOPIC: Final = "話題が正しくありません"  # topic
BAD_MODEL: Final = "モデルが正しくありません"  # model, model_a, model_b
BAD_MODE: Final = "モードが正しくありません"  # mode
BAD_TYPE: Final = "種類が正しくありません"  # type
UNKNOWN_SCENARIO: Final = "シナリオが見つかりません"  # scenario_id (400), no field (404)
CHAT_NOT_STARTED: Final = "チャットが開始されていません"  # no field
CHAT_NO_HISTORY: Final = "会話履歴がありません"  # no field (400 for chat, 404 for scenarios)
WATCH_NOT_STARTED: Final = "観戦が開始されていません"  # no field

PAGE_NOT_FOUND: Final = "ページが見つかりません"
METHOD_REFUSED: Final = "このメソッドは使用できません"
TOO_LARGE: Final = "リクエストが大きすぎます"
BUSY: Final = "モデルが混み合っています。しばらくしてからもう一度お試しください"
UNAVAILABLE: Final = "モデルから応答を得られませんでした"
INTERNAL: Final = "サーバーでエラーが発生しました"

# Messages with 200.
CLEARED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "chat": "チャット履歴をクリアしました",
        "scenario": "シナリオ履歴をクリアしました",
        "watch": "観戦履歴をクリアしました",
        "all": "セッションをクリアしました",
    }
)
