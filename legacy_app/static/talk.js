// The conversation on a page: bubbles, waiting, problems, feedback.

const byId = (id) => document.getElementById(id);

export class Talk {
  constructor() {
    this.list = byId("talk");
    this.hint = byId("hint");
    this.problem = byId("problem");
  }

  add(who, text, { mine = false, waiting = false } = {}) {
    const item = document.createElement("li");
    item.classList.toggle("mine", mine);
    item.classList.toggle("waiting", waiting);
    const name = document.createElement("span");
    name.className = "who";
    name.textContent = who;
    const said = document.createElement("p");
    said.className = "said";
    said.textContent = text;
    item.append(name, said);
    this.list.append(item);
    this.hint.hidden = true;
    this.list.scrollTop = this.list.scrollHeight;
    return item;
  }

  clear() {
    this.list.replaceChildren();
    this.hint.hidden = false;
    this.complain("");
  }

  complain(message) {
    this.problem.textContent = message;
    this.problem.hidden = message === "";
  }

  // Runs work with a waiting bubble of `who`; what goes wrong is shown, and gives undefined.
  async during(who, work) {
    this.complain("");
    const bubble = this.add(who, "…", { waiting: true });
    try {
      return await work();
    } catch (problem) {
      this.complain(problem.message);
      return undefined;
    } finally {
      bubble.remove();
      this.hint.hidden = this.list.children.length > 0;
    }
  }
}

// The form under a conversation: gives each message to `say`, keeps the text when that fails.
export function composer(say) {
  const form = byId("composer");
  const area = form.elements.message;
  const button = form.querySelector("button");
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = area.value.trim();
    if (text === "" || button.disabled) return;
    button.disabled = true;
    if (await say(text)) area.value = "";
    button.disabled = area.disabled;
    area.focus();
  });
  return (open) => {
    area.disabled = button.disabled = !open;
  };
}

export function showFeedback(body) {
  const panel = byId("feedback");
  const names = JSON.parse(panel.dataset.names);
  const { scores, top_strengths: best } = body.strength_analysis;
  panel.querySelector(".feedback-text").textContent = body.feedback;
  panel.querySelector(".scores").replaceChildren(
    ...Object.keys(names).flatMap((key) => scoreRow(names[key], scores[key], best.includes(key))),
  );
  panel.hidden = false;
  panel.scrollIntoView({ behavior: "smooth", block: "nearest" });
}

export function hideFeedback() {
  byId("feedback").hidden = true;
}

function scoreRow(name, score, isBest) {
  const term = document.createElement("dt");
  term.textContent = name;
  term.classList.toggle("best", isBest);
  const bar = document.createElement("progress");
  bar.max = 100;
  bar.value = score;
  bar.setAttribute("aria-label", name);
  const barCell = document.createElement("dd");
  barCell.append(bar);
  const number = document.createElement("dd");
  number.textContent = String(score);
  return [term, barCell, number];
}
