// The page on which one watches two speakers.

import { history, post } from "./api.js";
import { Talk } from "./talk.js";

const AUTO_PAUSE = 2500;

const settings = document.getElementById("settings");
const nextButton = document.getElementById("next");
const clearButton = document.getElementById("clear");
const auto = document.getElementById("auto");
const talk = new Talk();
let timer = 0;

function running(any) {
  nextButton.disabled = clearButton.disabled = !any;
}

function show(line) {
  const cut = line.indexOf(": ");
  speak(line.slice(0, cut), line.slice(cut + 2));
}

function speak(speaker, message) {
  talk.add(speaker, message, { mine: speaker === "花子" });
}

settings.addEventListener("submit", async (event) => {
  event.preventDefault();
  const chosen = Object.fromEntries(new FormData(settings));
  const body = await talk.during("太郎", () => post("/api/watch/start", chosen));
  if (!body) return;
  talk.clear();
  show(body.message);
  running(true);
  schedule();
});

async function next() {
  if (nextButton.disabled) return;
  nextButton.disabled = true;
  const body = await talk.during("…", () => post("/api/watch/next", {}));
  nextButton.disabled = false;
  if (body) show(body.message);
  else auto.checked = false;
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (auto.checked) timer = setTimeout(next, AUTO_PAUSE);
}

nextButton.addEventListener("click", next);
auto.addEventListener("change", schedule);

clearButton.addEventListener("click", async () => {
  auto.checked = false;
  schedule();
  const body = await talk.during("…", () => post("/api/clear_history", { mode: "watch" }));
  if (!body) return;
  talk.clear();
  running(false);
});

const entries = await history({ type: "watch" });
for (const { speaker, message } of entries) speak(speaker, message);
running(entries.length > 0);
