// What is on the page: lines in the order of their seq, the view kept at its end. Text is only ever set as textContent.

export const $ = (id) => document.getElementById(id);
export const lines = new Map(); // message id or record id → line

export const say = (text) => { $("status").textContent = text; };
export const complain = (text) => { $("notice").textContent = text; };

export function lineFor(id, author, seq) {
  let line = lines.get(id);
  if (!line) {
    const box = document.createElement("div");
    const name = document.createElement("span");
    const body = document.createElement("p");
    const state = document.createElement("p");
    name.className = "unseen";
    name.textContent = author === "me" ? "You: " : "AI: ";
    state.className = "state";
    box.className = author === "me" ? "line mine" : "line";
    box.append(name, body, state);
    line = { box, body, state, seq: null, button: null };
    lines.set(id, line);
  }
  if (line.seq !== seq) place(line, seq);
  return line;
}

function place(line, seq) {
  line.seq = seq;
  const follows = [...$("log").children].find((box) => box !== line.box && box.seq > seq);
  line.box.seq = seq;
  keepingAtEnd(() => $("log").insertBefore(line.box, follows ?? null));
}

export function keepingAtEnd(change) {
  const view = $("scroll");
  const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 80;
  change();
  if (atEnd) view.scrollTop = view.scrollHeight;
}

export function show(line, text, state = "", action = null) {
  keepingAtEnd(() => {
    if (line.body.textContent !== text) line.body.textContent = text;
    line.state.textContent = state;
    line.button?.remove();
    line.button = null;
    if (action) {
      line.button = document.createElement("button");
      line.button.type = "button";
      line.button.textContent = action.label;
      line.button.addEventListener("click", action.run);
      line.box.append(line.button);
    }
  });
}
