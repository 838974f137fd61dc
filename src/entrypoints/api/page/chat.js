// The chat page: one conversation over one WebSocket.

import { account, api, signIn, signOut, subjectOf, useToken } from "./account.js";
import { $, complain, keepingAtEnd, lineFor, lines, say, show } from "./lines.js";

const PAGE = 100;
const PING_MS = 30_000;
const MAX_BACKOFF_MS = 15_000;

let socket = null;
let isReady = false;
let failures = 0;
let lastSeq = 0; // everything up to here came from the store, without a gap
let firstSeq = null; // older messages lie before it
let heardAt = 0;
let resumeTimer = null;

const replies = new Map(); // record id → {line, attempt, text, length, ended}; length in code points
const unsent = new Map(); // message id → frame; sent again after a reconnect, the server knows a repetition
const foreign = new Set(); // records of the user's other sessions

function showMessage(message) {
  if (message.session_id !== account.userId) return;
  const mine = message.msg_type === "TEXT";
  const line = lineFor(message.message_id, mine ? "me" : "ai", message.seq);
  line.box.classList.remove("sending", "failed");
  show(line, message.msg_content);
  unsent.delete(message.message_id);
}

function markBusy() {
  const busy = [...replies.values()].some((reply) => !reply.ended && reply.text);
  $("log").setAttribute("aria-busy", String(busy)); // a screen reader hears the whole reply, not each word
}

// ---- replies ----

function replyFor(recordId, aiMessageId) {
  let reply = replies.get(recordId);
  if (!reply) {
    reply = { recordId, line: lineFor(aiMessageId ?? recordId, "ai", Infinity), attempt: 0, text: "", length: 0, ended: false };
    replies.set(recordId, reply);
  }
  if (aiMessageId) shareLine(reply, aiMessageId);
  return reply;
}

function shareLine(reply, aiMessageId) { // several messages can have one reply
  const line = lines.get(aiMessageId) ?? reply.line;
  if (line !== reply.line) reply.line.box.remove();
  reply.line = line;
  lines.set(aiMessageId, line);
}

function showRunning(reply, attempt, text) {
  Object.assign(reply, { attempt, text, length: [...text].length, ended: false });
  reply.line.box.classList.remove("failed");
  const stop = { label: "Stop", run: () => tell({ type: "reply.cancel", record_id: reply.recordId }) };
  if (reply.line.button && reply.line.button.textContent === "Stop") {
    keepingAtEnd(() => { reply.line.body.textContent = text; reply.line.state.textContent = text ? "" : "…"; });
  } else {
    show(reply.line, text, text ? "" : "…", stop);
  }
  markBusy();
}

function applyDelta(reply, { attempt, offset, text }) {
  if (reply.ended && attempt <= reply.attempt) return;
  if (offset === 0) return showRunning(reply, attempt, text);
  if (attempt !== reply.attempt || offset > reply.length) return resumeSoon();
  const kept = offset === reply.length ? reply.text : [...reply.text].slice(0, offset).join("");
  showRunning(reply, attempt, kept + text);
}

function endReply(recordId, attempt, message, text, state, action) {
  const reply = replies.get(recordId);
  if (message) {
    if (message.session_id !== account.userId) return;
    showMessage(message);
    const line = lines.get(message.message_id);
    if (reply && reply.line !== line) reply.line.box.remove();
    show(line, message.msg_content, state);
    replies.set(recordId, { recordId, line, attempt, text: "", length: 0, ended: true });
  } else if (reply) {
    Object.assign(reply, { attempt, ended: true });
    reply.line.box.classList.toggle("failed", Boolean(action));
    show(reply.line, text, state, action);
  }
  markBusy();
}

function failReply(recordId, attempt, detail) {
  const retry = async () => {
    try {
      await api(`/api/ai/records/${encodeURIComponent(recordId)}/retry`, { method: "POST" });
      const reply = replies.get(recordId);
      if (reply.ended) showRunning(reply, attempt, "");
    } catch (error) {
      complain(error.message);
    }
  };
  endReply(recordId, attempt, null, "", detail, { label: "Retry", run: retry });
}

async function showFailed() {
  const page = await api(`/api/ai/records?session_id=${encodeURIComponent(account.userId)}&status=2&limit=50`);
  for (const record of page.items) {
    const asked = lines.get(record.user_message_id);
    if (!asked || replies.has(record.record_id) || record.merged_into) continue;
    const line = lineFor(record.record_id, "ai", asked.seq + 0.5);
    replies.set(record.record_id, { recordId: record.record_id, line, attempt: record.attempt, text: "", length: 0, ended: true });
    failReply(record.record_id, record.attempt, record.error_message ?? "The reply failed.");
  }
}

// ---- what the server says ----

const handlers = {
  ready() {
    isReady = true;
    failures = 0;
    say("Connected");
    $("send").disabled = false;
    resume();
    for (const frame of unsent.values()) tell(frame);
  },
  "message.accepted"({ message, record_id: recordId, duplicate }) {
    showMessage(message);
    if (message.session_id === account.userId && !duplicate && !replies.has(recordId)) showRunning(replyFor(recordId), 0, "");
    if (duplicate) resumeSoon();
  },
  "message.rejected"({ message_id: messageId, error }) {
    complain(error.detail);
    const waits = error.retry_after_s;
    if (waits && unsent.has(messageId)) return setTimeout(() => unsent.has(messageId) && tell(unsent.get(messageId)), waits * 1000);
    unsent.delete(messageId);
    const line = lines.get(messageId);
    if (line) show(line, line.body.textContent, "Not sent");
  },
  "reply.started"({ record_id: recordId, session_id: sessionId, user_message_id: asked, ai_message_id: aiMessageId, attempt }) {
    if (sessionId !== account.userId) return foreign.add(recordId);
    if (!lines.has(asked)) resumeSoon(); // sent from another window
    const reply = replyFor(recordId, aiMessageId);
    if (attempt > reply.attempt) showRunning(reply, attempt, "");
  },
  "reply.delta"(delta) {
    const reply = replies.get(delta.record_id);
    if (reply) applyDelta(reply, delta);
    else if (!foreign.has(delta.record_id)) resumeSoon();
  },
  "reply.completed": ({ record_id: recordId, attempt, message }) => endReply(recordId, attempt, message, "", ""),
  "reply.failed": ({ record_id: recordId, attempt, error }) => failReply(recordId, attempt, error.detail),
  "reply.cancelled": ({ record_id: recordId, attempt, message }) => endReply(recordId, attempt, message, "", "Stopped"),
  resumed({ session_id: sessionId, recovered, messages, replies: running, more }) {
    if (sessionId !== account.userId) return;
    if (!recovered) return location.reload(); // the server knows less than this page: begin anew
    messages.forEach(showMessage);
    lastSeq = messages.at(-1)?.seq ?? lastSeq;
    if (more) return resume();
    for (const { record_id: recordId, ai_message_id: aiMessageId, attempt, text } of running) {
      showRunning(replyFor(recordId, aiMessageId), attempt, text);
    }
  },
  error: ({ error }) => complain(error.detail),
  pong() {},
};

function hear(event) {
  heardAt = performance.now();
  const frame = JSON.parse(event.data);
  handlers[frame.type]?.(frame);
}

// ---- the connection ----

function tell(frame) {
  if (isReady) socket.send(JSON.stringify(frame));
}

function resume() {
  const running = [...replies.values()].filter((reply) => !reply.ended);
  tell({
    type: "resume",
    after_seq: lastSeq,
    replies: running.slice(-100).map(({ recordId, attempt, length }) => ({ record_id: recordId, attempt, offset: length })),
  });
}

function resumeSoon() {
  resumeTimer ??= setTimeout(() => { resumeTimer = null; resume(); }, 300);
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(`${scheme}//${location.host}/ws/${encodeURIComponent(account.userId)}`, ["bearer", account.token]);
  socket.addEventListener("message", hear);
  socket.addEventListener("close", lost);
}

async function lost({ code }) {
  isReady = false;
  $("send").disabled = true;
  if (code === 4401) return signOut();
  say("Reconnecting…");
  const wait = Math.min(MAX_BACKOFF_MS, 500 * 2 ** failures++) * (0.5 + Math.random() / 2);
  await new Promise((done) => setTimeout(done, wait));
  if (failures > 2) await api("/api/session/list").catch(() => {}); // a browser is not told why a socket was refused: ask whether the token counts
  connect();
}

function watch() {
  if (!isReady) return;
  if (performance.now() - heardAt > 2 * PING_MS) return socket.close(); // silently dead
  tell({ type: "ping" });
}

// ---- what the user does ----

function send() {
  const text = $("text").value;
  if (!text.trim() || !isReady) return;
  const messageId = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const frame = { type: "message.send", message_id: messageId, msg_content: text };
  unsent.set(messageId, frame);
  const line = lineFor(messageId, "me", Infinity);
  line.box.classList.add("sending");
  show(line, text);
  $("scroll").scrollTop = $("scroll").scrollHeight;
  complain("");
  tell(frame);
  $("text").value = "";
}

async function loadEarlier() {
  const before = firstSeq === null ? "" : `&before_seq=${firstSeq}`;
  const page = await api(`/api/message/list?limit=${PAGE}${before}`);
  page.items.forEach(showMessage);
  if (firstSeq === null) {
    lastSeq = page.next_after_seq ?? 0;
    $("scroll").scrollTop = $("scroll").scrollHeight;
  }
  firstSeq = page.next_before_seq;
  $("earlier").hidden = firstSeq === null;
  await showFailed();
}

async function start() {
  for (let wait = 500; ; wait = Math.min(MAX_BACKOFF_MS, wait * 2)) {
    try {
      if (!(await signIn())) return;
      await loadEarlier();
      return connect();
    } catch (error) {
      complain(error.message);
      say("Trying again…");
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}

$("composer").addEventListener("submit", (event) => { event.preventDefault(); send(); });
$("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
});
$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const jwt = $("token").value.trim();
  if (!subjectOf(jwt)) return complain("This is not a token.");
  complain("");
  useToken(jwt);
  start();
});
$("earlier").addEventListener("click", () => loadEarlier().catch((error) => complain(error.message)));
$("leave").addEventListener("click", signOut);
setInterval(watch, PING_MS);
start();
