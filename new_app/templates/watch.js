// The page on which one watches two speakers.
const PAUSE = 2500;
const settings = el("settings"), auto = el("auto");
let timer = 0;
let last = "花子";

const speak = (speaker, message) => {
  last = speaker;
  add(speaker, message, speaker === "花子");
};
const message = (line) => line.slice(line.indexOf(": ") + 2);

function running(any) {
  el("next").disabled = el("clear").disabled = !any;
}

function schedule() {
  clearTimeout(timer);
  if (auto.checked) timer = setTimeout(next, PAUSE);
}

settings.addEventListener("submit", async (event) => {
  event.preventDefault();
  const chosen = Object.fromEntries(new FormData(settings));
  const body = await attempt(() => post("/api/watch/start", chosen));
  if (!body) return;
  clearTalk();
  speak("太郎", message(body.message));
  running(true);
  schedule();
});

async function next() {
  if (el("next").disabled) return;
  el("next").disabled = true;
  const speaker = last === "太郎" ? "花子" : "太郎";
  const line = await attempt(() => hear(speaker, "/api/v2/watch", "/api/watch/next", {}, "message", message));
  el("next").disabled = false;
  if (line === undefined) auto.checked = false;
  else last = speaker;
  schedule();
}

el("next").addEventListener("click", next);
auto.addEventListener("change", schedule);
el("clear").addEventListener("click", async () => {
  auto.checked = false;
  schedule();
  if (!(await attempt(() => post("/api/clear_history", { mode: "watch" })))) return;
  clearTalk();
  running(false);
});

const entries = (await attempt(() => history({ type: "watch" }))) ?? [];
for (const { speaker, message: words } of entries) speak(speaker, words);
running(entries.length > 0);
