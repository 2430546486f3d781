// The page of one scenario.

import { history, plainText, post } from "./api.js";
import { Talk, composer, hideFeedback, showFeedback } from "./talk.js";

const { id, partner } = document.getElementById("scenario").dataset;
const startButton = document.getElementById("start");
const feedbackButton = document.getElementById("ask-feedback");
const clearButton = document.getElementById("clear");
const consent = document.getElementById("consent");
const talk = new Talk();
const openComposer = composer(say);

function running(any) {
  openComposer(any);
  feedbackButton.disabled = clearButton.disabled = !any;
  startButton.disabled = any || consent?.checked === false;
}

async function exchange(message) {
  const body = await talk.during(partner, () => post("/api/scenario_chat", { scenario_id: id, message }));
  if (!body) return false;
  talk.add(partner, plainText(body.response));
  running(true);
  return true;
}

async function say(message) {
  const mine = talk.add("あなた", message, { mine: true });
  const answered = await exchange(message);
  if (!answered) mine.remove();
  return answered;
}

startButton.addEventListener("click", () => exchange(""));
consent?.addEventListener("change", () => running(false));

feedbackButton.addEventListener("click", async () => {
  const body = await talk.during("講師", () => post("/api/scenario_feedback", { scenario_id: id }));
  if (body) showFeedback(body);
});

clearButton.addEventListener("click", async () => {
  const body = await talk.during(partner, () => post("/api/scenario_clear", { scenario_id: id }));
  if (!body) return;
  talk.clear();
  hideFeedback();
  running(false);
});

running(false);
const entries = await history({ type: "scenario", scenario_id: id });
for (const { human, ai } of entries) {
  if (human !== "") talk.add("あなた", human, { mine: true });
  talk.add(partner, ai);
}
if (entries.length > 0) {
  if (consent) consent.checked = consent.disabled = true;
  running(true);
}
