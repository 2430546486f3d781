"""The partner that needs no network: pure functions from what was said to what is answered.

A reply follows from the persona, the scene and the last messages, never from the time, from
chance, from the model or from a session id: two applications with these functions give the same
reply in the same conversation. At most the last `MEMORY` replies count, so it changes nothing
whether a caller passes the whole history or its end.

| function            | says                                                        |
|---------------------|-------------------------------------------------------------|
| `start_chat`        | the first line of a chat                                    |
| `chat_reply`        | the answer to a message of a chat                           |
| `scenario_opening`  | the first line of a scene                                   |
| `scenario_reply`    | the answer to a message of a scene                          |
| `watch_start`       | 太郎's first line of a watched conversation                   |
| `watch_next`        | the other speaker's next line                               |
| `chat_feedback`, `scenario_feedback` | what went well, what to try next           |
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from . import phrases
from .strengths import STRENGTHS, strength_scores, top_strengths

FIRST_SPEAKER: Final = "太郎"
SECOND_SPEAKER: Final = "花子"
QUOTE_MAX: Final = 24
MEMORY: Final = 3

# What a message sounds like: the first row with a matching word wins, else "plain".
INTENTS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("apology", ("すみません", "申し訳", "ごめん", "失礼しました")),
    ("thanks", ("ありがと", "感謝", "助かり", "おかげ")),
    ("trouble", ("大変", "困", "疲れ", "忙し", "不安", "悩", "つら", "難し", "無理")),
    ("question", ("？", "?", "ですか", "でしょうか", "かな", "教えて")),
    ("joy", ("嬉し", "うれし", "楽し", "好き", "良かった", "よかった", "最高", "おいし")),
    ("greeting", ("おはよう", "こんにち", "こんばん", "お疲れ", "はじめまして", "よろしく")),
)

# What to try next, for the weakest strength.
ADVICE: Final[Mapping[str, str]] = {
    "empathy": "相手の気持ちを受け止めるひと言（「大変でしたね」など）を添えてみましょう。",
    "clarity": "結論から話し、理由や例を続けると、考えがより伝わります。",
    "listening": "相手に質問を返すと、会話がさらに広がります。",
    "adaptability": "相手の状況に合わせた提案（「では一緒に」など）を試してみましょう。",
    "positivity": "うれしかったことや良いところを言葉にしてみましょう。",
    "professionalism": "ていねいな言葉づかいと、確認のひと言を心がけましょう。",
}


def start_chat(partner_type: str, situation: str, topic: str) -> str:
    register = phrases.REGISTERS[partner_type]
    greeting = _pick(phrases.GREETINGS[partner_type], "start", situation, topic)
    follow_up = _pick(phrases.FOLLOW_UPS[topic, register], "start", partner_type, situation)
    return greeting + phrases.SCENES[situation, register] + follow_up


def chat_reply(partner_type: str, situation: str, topic: str, message: str, said: Sequence[str] = ()) -> str:
    """`said` are the partner's earlier replies of `chat_history`, oldest first."""
    register = phrases.REGISTERS[partner_type]
    seed = ("chat", partner_type, situation, topic, message, *said[-MEMORY:])
    reaction = _pick(phrases.REACTIONS[intent_of(message), register], *seed)
    follow_up = _pick(phrases.FOLLOW_UPS[topic, register], *seed, avoid=said)
    return _quoting(reaction, message) + follow_up


def scenario_opening(scenario: Mapping[str, Any]) -> str:
    return str(scenario["opening"])


def scenario_reply(scenario: Mapping[str, Any], message: str, said: Sequence[str] = ()) -> str:
    """`said` are the partner's earlier lines of this scene, oldest first, with the opening."""
    seed = ("scenario", str(scenario["id"]), message, *said[-MEMORY:])
    reaction = _pick(phrases.SCENE_REACTIONS[intent_of(message)], *seed)
    line = _pick(tuple(scenario["lines"]), *seed, avoid=said)
    return _quoting(reaction, message) + line


def watch_start(partner_type: str, situation: str, topic: str) -> str:
    """The whole line, as "太郎: …"."""
    opener = _pick(phrases.WATCH_OPENERS[topic], "watch", partner_type, situation)
    return f"{FIRST_SPEAKER}: {phrases.WATCH_SCENES[situation]}{opener}"


def watch_next(partner_type: str, situation: str, topic: str, last_speaker: str, said: Sequence[str]) -> str:
    """The whole line, as "花子: …"; `said` are both speakers' lines, without the speakers' names."""
    seed = ("watch", partner_type, situation, topic, last_speaker, *said[-MEMORY:])
    reply = _pick(phrases.WATCH_REPLIES[topic], *seed, avoid=said)
    touch = _pick(phrases.WATCH_TOUCHES[partner_type], *seed, avoid=said)
    return f"{other_speaker(last_speaker)}: {reply}{touch}"


def other_speaker(speaker: str) -> str:
    return SECOND_SPEAKER if speaker == FIRST_SPEAKER else FIRST_SPEAKER


def chat_feedback(partner_name: str, situation_name: str, messages: Sequence[str]) -> str:
    """`…_name` are the Japanese words; `messages` are the user's own, oldest first."""
    return _feedback(f"{partner_name}との会話（{situation_name}）", messages)


def scenario_feedback(scenario: Mapping[str, Any], messages: Sequence[str]) -> str:
    points = "\n".join(f"- {point}" for point in scenario["learning_points"])
    return f"{_feedback(str(scenario['title']), messages)}\n\n■ このシナリオの学習ポイント\n{points}"


def intent_of(message: str) -> str:
    """Which row of `INTENTS` a message falls into."""
    for intent, words in INTENTS:
        if any(word in message for word in words):
            return intent
    return "plain"


def _feedback(title: str, messages: Sequence[str]) -> str:
    scores = strength_scores(messages)
    best = top_strengths(scores)
    weakest = min(reversed(list(STRENGTHS)), key=lambda key: scores[key])
    names = "、".join(STRENGTHS[key][0] for key in best)
    return (
        f"■ {title}\n"
        f"あなたの発言は{len(messages)}回でした。\n\n"
        f"■ 良かった点\n{names}がよく表れていました。\n\n"
        f"■ 次に試したいこと\n{ADVICE[weakest]}"
    )


def _quoting(line: str, message: str) -> str:
    # Not str.format on the whole: a user's own braces must stay what they are.
    text = " ".join(message.split())
    short = text if len(text) <= QUOTE_MAX else text[:QUOTE_MAX] + "…"
    return line.replace("{quote}", short)


def _pick(lines: Sequence[str], *seed: str, avoid: Sequence[str] = ()) -> str:
    """One of the lines, always the same for the same seed; not one said a moment ago."""
    start = zlib.crc32("\x1f".join(seed).encode("utf-8", "surrogatepass")) % len(lines)
    turned = [*lines[start:], *lines[:start]]
    recent = avoid[-MEMORY:]
    return next((x for x in turned if not any(x and x in old for old in recent)), turned[0])
