// The chat page.

import { history, plainText, post } from "./api.js";
import { Talk, composer, hideFeedback, showFeedback } from "./talk.js";

const page = document.getElementById("chat");
const settings = document.getElementById("settings");
const feedbackButton = document.getElementById("ask-feedback");
const clearButton = document.getElementById("clear");
const talk = new Talk();
const openComposer = composer(say);

const chosen = () => Object.fromEntries(new FormData(settings));
const partnerName = () => settings.elements.partner_type.selectedOptions[0].text;
let partner = partnerName();

function started(opening) {
  partner = partnerName();
  page.dataset.opening = opening;
  talk.clear();
  talk.add(partner, opening);
  openComposer(true);
}

function spoken(any) {
  feedbackButton.disabled = clearButton.disabled = !any;
}

settings.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = await talk.during(partnerName(), () => post("/api/start_chat", chosen()));
  if (!body) return;
  started(plainText(body.response));
  spoken(false);
  hideFeedback();
});

async function say(message) {
  const mine = talk.add("あなた", message, { mine: true });
  const { model } = chosen();
  const body = await talk.during(partner, () => post("/api/chat", { message, model }));
  if (!body) {
    mine.remove();
    return false;
  }
  talk.add(partner, plainText(body.response));
  spoken(true);
  return true;
}

feedbackButton.addEventListener("click", async () => {
  const { partner_type, situation } = chosen();
  const body = await talk.during("講師", () => post("/api/chat_feedback", { partner_type, situation }));
  if (body) showFeedback(body);
});

clearButton.addEventListener("click", async () => {
  const body = await talk.during(partner, () => post("/api/clear_history", { mode: "chat" }));
  if (!body) return;
  started(page.dataset.opening);
  spoken(false);
  hideFeedback();
});

openComposer(false);
if (page.dataset.opening) {
  started(page.dataset.opening);
  const entries = await history({ type: "chat" });
  for (const { human, ai } of entries) {
    talk.add("あなた", human, { mine: true });
    talk.add(partner, ai);
  }
  spoken(entries.length > 0);
}
