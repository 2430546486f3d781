// The page of one scenario.
const { id, partner } = el("scenario").dataset;
const consent = el("consent");
const open = composer(say);

function running(any) {
  open(any);
  el("ask-feedback").disabled = el("clear").disabled = !any;
  el("start").disabled = any || consent?.checked === false;
}

async function exchange(message) {
  const body = { scenario_id: id, message };
  const words = await attempt(() => hear(partner, "/api/v2/scenario", "/api/scenario_chat", body, "response", unescaped));
  if (words !== undefined) running(true);
  return words !== undefined;
}

async function say(message) {
  const mine = add("あなた", message, true);
  const answered = await exchange(message);
  if (!answered) mine.item.remove();
  return answered;
}

el("start").addEventListener("click", () => exchange(""));
consent?.addEventListener("change", () => running(false));
el("ask-feedback").addEventListener("click", async () => {
  const body = await attempt(() => post("/api/scenario_feedback", { scenario_id: id }));
  if (body) showFeedback(body);
});
el("clear").addEventListener("click", async () => {
  if (!(await attempt(() => post("/api/scenario_clear", { scenario_id: id })))) return;
  el("feedback").hidden = true;
  if (consent) consent.disabled = false;
  clearTalk();
  running(false);
});

running(false);
const entries = (await attempt(() => history({ type: "scenario", scenario_id: id }))) ?? [];
for (const { human, ai } of entries) {
  if (human) add("あなた", human, true);
  add(partner, ai);
}
if (entries.length > 0) {
  if (consent) consent.checked = consent.disabled = true;
  running(true);
}
