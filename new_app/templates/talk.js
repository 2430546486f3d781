// What every page does: ask the application, show bubbles, show what went wrong.
const el = (id) => document.getElementById(id);
const FAILED = "通信に失敗しました。もう一度お試しください。";
let token = "";

async function renewToken() {
  token = (await (await fetch("/api/csrf-token")).json()).csrf_token;
}

async function ask(path, body, again = true) {
  if (!token) await renewToken();
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": token };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  if (answer.ok) return answer;
  const data = await answer.json().catch(() => ({}));
  if (again && String(data.code).startsWith("CSRF_TOKEN")) {
    token = "";
    return ask(path, body, false);
  }
  const problem = new Error(data.error?.message ?? data.error ?? FAILED);
  problem.status = answer.status;
  throw problem;
}

const post = async (path, body) => (await ask(path, body)).json();
const history = async (body) => (await post("/api/conversation_history", body)).history;

// The words come HTML-escaped; a page writes text, never markup.
function unescaped(text) {
  const area = document.createElement("textarea");
  area.innerHTML = text;
  return area.value;
}

function add(who, text, mine = false) {
  const item = document.createElement("li");
  item.classList.toggle("mine", mine);
  const parts = [["div", "who", who], ["p", "said", text]].map(([tag, name, content]) => {
    const part = document.createElement(tag);
    part.className = name;
    part.textContent = content;
    return part;
  });
  item.append(...parts);
  el("talk").append(item);
  el("hint").hidden = true;
  el("talk").scrollTop = el("talk").scrollHeight;
  return { item, say: (words) => { parts[1].textContent = words; } };
}

function clearTalk() {
  el("talk").replaceChildren();
  el("hint").hidden = false;
}

// Runs work; what goes wrong is shown, and gives undefined.
async function attempt(work) {
  el("problem").hidden = true;
  try {
    return await work();
  } catch (problem) {
    el("problem").textContent = problem.message;
    el("problem").hidden = false;
    return undefined;
  }
}

// The words of a stream as they come, in a bubble of `who`; from the plain route where there is no stream.
async function hear(who, streamed, plain, body, field, shown = (text) => text) {
  const bubble = add(who, "…");
  try {
    let answer;
    try {
      answer = await ask(streamed, body);
    } catch (problem) {
      if (problem.status !== 404) throw problem;
    }
    const words = answer ? await follow(answer, (text) => bubble.say(shown(text))) : (await post(plain, body))[field];
    bubble.say(shown(words));
    return words;
  } catch (problem) {
    bubble.item.remove();
    el("hint").hidden = el("talk").children.length > 0;
    throw problem;
  }
}

async function follow(answer, show) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", words = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(FAILED);
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = JSON.parse(event.slice("data: ".length));
      if (data.error) throw new Error(data.error.message);
      if (data.done) return data.full_content;
      words += data.content;
      show(words);
    }
  }
}

// The form under a conversation: keeps the text when `say` fails.
function composer(say) {
  const form = el("composer");
  const area = form.elements.message, button = form.querySelector("button");
  const open = (any) => { area.disabled = button.disabled = !any; };
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = area.value.trim();
    if (!text || button.disabled) return;
    button.disabled = true;
    if (await say(text)) area.value = "";
    button.disabled = area.disabled;
    area.focus();
  });
  return open;
}

function showFeedback(body) {
  const panel = el("feedback"), names = JSON.parse(panel.dataset.names);
  panel.querySelector(".feedback-text").textContent = body.feedback;
  const { scores, top_strengths: best } = body.strength_analysis;
  panel.querySelector(".scores").replaceChildren(...Object.keys(names).flatMap((key) => {
    const term = document.createElement("dt"), bar = document.createElement("progress");
    const cell = document.createElement("dd"), number = document.createElement("dd");
    term.textContent = names[key];
    term.classList.toggle("best", best.includes(key));
    Object.assign(bar, { max: 100, value: scores[key], ariaLabel: names[key] });
    cell.append(bar);
    number.textContent = scores[key];
    return [term, cell, number];
  }));
  panel.hidden = false;
}
