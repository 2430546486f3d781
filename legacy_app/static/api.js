// Talks to the application: same origin, JSON, with the session's token.

let token = null;

async function fetchToken() {
  const answer = await fetch("/api/csrf-token");
  token = (await answer.json()).csrf_token;
}

async function send(path, body) {
  if (token === null) await fetchToken();
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": token },
    body: JSON.stringify(body),
  });
  return [answer, await answer.json().catch(() => ({}))];
}

// The answer's body, or an Error whose message can be shown to a person.
export async function post(path, body) {
  let [answer, data] = await send(path, body);
  if (data.code === "CSRF_TOKEN_INVALID") {
    // The session was replaced since the page was opened: ask again, once.
    token = null;
    [answer, data] = await send(path, body);
  }
  if (answer.ok) return data;
  throw new Error(data.error?.message ?? data.error ?? "通信に失敗しました。もう一度お試しください。");
}

// `response` comes HTML-escaped; pages write text, never markup.
export function plainText(escaped) {
  const area = document.createElement("textarea");
  area.innerHTML = escaped;
  return area.value;
}

export async function history(body) {
  return (await post("/api/conversation_history", body)).history;
}
