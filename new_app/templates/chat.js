// The chat page.
const settings = el("settings"), page = el("chat");
const chosen = () => Object.fromEntries(new FormData(settings));
const nameOfPartner = () => settings.elements.partner_type.selectedOptions[0].text;
let partner = nameOfPartner();
const open = composer(say);

function spoken(any) {
  el("ask-feedback").disabled = el("clear").disabled = !any;
}

function begin(opening) {
  partner = nameOfPartner();
  page.dataset.opening = opening;
  el("feedback").hidden = true;
  clearTalk();
  add(partner, opening);
  open(true);
  spoken(false);
}

async function say(message) {
  const mine = add("あなた", message, true);
  const body = { message, model: chosen().model };
  const words = await attempt(() => hear(partner, "/api/v2/chat", "/api/chat", body, "response", unescaped));
  if (words === undefined) mine.item.remove();
  else spoken(true);
  return words !== undefined;
}

settings.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = await attempt(() => post("/api/start_chat", chosen()));
  if (body) begin(unescaped(body.response));
});
el("ask-feedback").addEventListener("click", async () => {
  const { partner_type, situation } = chosen();
  const body = await attempt(() => post("/api/chat_feedback", { partner_type, situation }));
  if (body) showFeedback(body);
});
el("clear").addEventListener("click", async () => {
  if (await attempt(() => post("/api/clear_history", { mode: "chat" }))) begin(page.dataset.opening);
});

if (page.dataset.opening) {
  begin(page.dataset.opening);
  const entries = (await attempt(() => history({ type: "chat" }))) ?? [];
  for (const { human, ai } of entries) {
    add("あなた", human, true);
    add(partner, ai);
  }
  spoken(entries.length > 0);
}
