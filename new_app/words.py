"""Every sentence a person may read in an answer, as the old application words it; no logic.

The gateway compares the two applications word by word, so a change here is a change users see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MESSAGE_LIMIT: Final = 1000

BAD_BODY: Final = "リクエストの形式が正しくありません"
MESSAGE_NOT_TEXT: Final = "メッセージは文字列で入力してください"
MESSAGE_EMPTY: Final = "メッセージを入力してください"
MESSAGE_TOO_LONG: Final = f"メッセージは{MESSAGE_LIMIT}文字以内で入力してください"
BAD_PARTNER: Final = "相手の種類が正しくありません"
BAD_SITUATION: Final = "場面が正しくありません"
BAD_TOPIC: Final = "話題が正しくありません"
BAD_MODEL: Final = "モデルが正しくありません"
BAD_MODE: Final = "モードが正しくありません"
BAD_TYPE: Final = "種類が正しくありません"
NO_SCENARIO: Final = "シナリオが見つかりません"
CHAT_NOT_STARTED: Final = "チャットが開始されていません"
NO_HISTORY: Final = "会話履歴がありません"
WATCH_NOT_STARTED: Final = "観戦が開始されていません"

NO_PAGE: Final = "ページが見つかりません"
NO_METHOD: Final = "このメソッドは使用できません"
TOO_LARGE: Final = "リクエストが大きすぎます"
BUSY: Final = "モデルが混み合っています。しばらくしてからもう一度お試しください"
UNAVAILABLE: Final = "モデルから応答を得られませんでした"
INTERNAL: Final = "サーバーでエラーが発生しました"

CSRF_MISSING: Final = "CSRFトークンがありません"
CSRF_INVALID: Final = "CSRFトークンが無効です"

CLEARED: Final[Mapping[str, str]] = {
    "chat": "チャット履歴をクリアしました",
    "scenario": "シナリオ履歴をクリアしました",
    "watch": "観戦履歴をクリアしました",
    "all": "セッションをクリアしました",
}
