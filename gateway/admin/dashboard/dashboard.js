// The dashboard: asks the admin API every two seconds and shows what it says. Everything it shows comes in as text
// (textContent), never as markup: paths, reasons and names are other people's words.
"use strict";

const REFRESH = 2000;
const KEY = "banyan-token";
const at = (id) => document.getElementById(id);
let timer = 0;

function node(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function fill(id, rows, columns, nothing) {
  const lines = rows.map((cells) => {
    const line = node("tr");
    line.append(...cells.map((cell) => {
      const box = node("td");
      box.append(cell);
      return box;
    }));
    return line;
  });
  if (!lines.length) {
    const none = node("td", nothing, "none");
    none.colSpan = columns;
    const line = node("tr");
    line.append(none);
    lines.push(line);
  }
  at(id).replaceChildren(...lines);
}

async function ask(path) {
  const token = sessionStorage.getItem(KEY) || "";
  const answer = await fetch("/api/v1" + path, { headers: { Authorization: "Bearer " + token } });
  if (answer.status === 401) throw new Refused();
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail || "HTTP " + answer.status);
  return answer.json();
}

class Refused extends Error {}

const clock = (value) => new Date(typeof value === "number" ? value * 1000 : value).toLocaleString();
const percent = (value) => value + " %";

function card(feature, everything) {
  const latched = feature.latched || everything;
  const box = node("article", undefined, latched ? "card latched" : "card");
  const title = node("h3", feature.name);
  const words = { legacy: ["legacy", "old"], new: ["new", "good"], split: ["both", "good"] }[feature.side];
  title.append(latched ? node("span", "rolled back", "badge bad") : node("span", words[0], "badge " + words[1]));
  const dial = node("div", percent(feature.percent), "dial");
  dial.append(" ", node("small", latched ? "waits for a restore" : "on the new side"));
  const bar = node("div", undefined, "bar");
  const part = node("i");
  part.style.width = feature.percent + "%";
  bar.append(part);
  const facts = node("dl");
  const fact = (name, value, kind) => facts.append(node("dt", name), node("dd", value, kind));
  fact("Breaker", feature.breaker.replace("_", " "), feature.breaker === "closed" ? "" : "bad");
  fact("Shadow", percent(feature.shadow_percent));
  fact("Fallback", feature.fallback);
  fact("Plan", feature.plan || "none");
  const judged = { pass: "good", hold: "", fail: "bad" }[feature.outcome];
  fact("Judge", feature.guards.length ? [feature.outcome, ...feature.reasons].join("; ") : "no evidence", judged);
  fact("Routes", feature.routes.join(", ") || "none");
  box.append(title, dial, bar, facts);
  return box;
}

function show(status, diffs, ledger) {
  const behind = status.workers.filter((worker) => !worker.current).length;
  const overall = at("overall");
  const anyLatch = status.features.some((feature) => feature.latched);
  overall.textContent = status.everything_latched ? "everything rolled back"
    : !status.workers.length ? "no worker" : anyLatch ? "a rollback holds" : behind ? "converging" : "in step";
  overall.className = "badge " + (status.everything_latched || !status.workers.length ? "bad" : anyLatch || behind ? "warn" : "good");
  const last = status.rollback_seconds;
  at("facts").textContent = `revision ${status.revision} · traffic ${status.traffic} · since ${clock(status.started_at)}`
    + (last === null ? "" : ` · last rollback reached everyone in ${(last * 1000).toFixed(0)} ms`);
  at("features").replaceChildren(...status.features.map((feature) => card(feature, status.everything_latched)));
  fill("workers", status.workers.map((worker) => [
    worker.worker, String(worker.pid), String(worker.revision), worker.age_seconds.toFixed(2) + " s ago",
    worker.current ? node("span", "current", "good") : node("span", "behind", "warn"),
  ]), 5, "No worker is alive.");
  at("machines-section").hidden = !status.machines.length;
  fill("machines", status.machines.map((one) => [
    one.machine + (one.here ? " (this one)" : ""), String(one.version), `${one.have} of ${one.workers}`,
    `in ${(one.seconds * 1000).toFixed(0)} ms`,
    one.silent ? node("span", `not heard for ${one.heard_seconds.toFixed(0)} s`, "bad")
      : one.current ? node("span", "current", "good") : node("span", "behind", "warn"),
  ]), 5, "");
  fill("diffs", diffs.map((one) => [
    String(one.count), one.feature, one.route, node("code", one.path), one.kind,
    node("span", one.severity, { high: "bad", medium: "warn" }[one.severity] || ""), clock(one.last_seen),
  ]), 7, "Nothing differs so far.");
  fill("ledger", ledger.map((entry) => [
    clock(entry.time), entry.actor, entry.action, entry.feature || "everything",
    `${entry.old ?? ""} → ${entry.new ?? ""}`, entry.reason,
  ]), 6, "Nothing was changed yet.");
  const frozen = status.frozen ? [`All raises are frozen (${status.frozen}).`] : [];
  trouble([...frozen, ...status.warnings].join(" "));
}

function trouble(text) {
  at("trouble").hidden = !text;
  at("trouble").textContent = text;
}

function inside(open) {
  at("door").hidden = open;
  at("board").hidden = !open;
  at("leave").hidden = !open;
  if (!open) at("token").focus();
}

async function refresh() {
  clearTimeout(timer);
  if (!sessionStorage.getItem(KEY)) return inside(false);
  try {
    show(...await Promise.all([ask("/status"), ask("/diffs?limit=20"), ask("/ledger?limit=10")]));
    inside(true);
  } catch (error) {
    if (error instanceof Refused) {
      sessionStorage.removeItem(KEY);
      trouble("This token is not known here.");
      return inside(false);
    }
    trouble(error instanceof TypeError ? "The gateway does not answer." : error.message);
  }
  timer = setTimeout(refresh, REFRESH);
}

at("door").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, at("token").value.trim());
  at("token").value = "";
  trouble("");
  refresh();
});
at("leave").addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  refresh();
});
refresh();
