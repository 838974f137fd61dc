// Who is signed in, and calls in their name. The token is kept in this browser until they sign out.

import { $, say } from "./lines.js";

const TOKEN_KEY = "imcore.token";

export const account = { token: "", userId: "" };

export function subjectOf(jwt) {
  try {
    const bytes = Uint8Array.from(atob(jwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
    const subject = JSON.parse(new TextDecoder().decode(bytes)).sub;
    return typeof subject === "string" ? subject : "";
  } catch {
    return "";
  }
}

export function useToken(jwt) {
  account.token = jwt;
  account.userId = subjectOf(jwt);
  localStorage.setItem(TOKEN_KEY, jwt);
  $("who").textContent = account.userId;
  $("leave").hidden = false;
  $("sign-in").hidden = true;
}

export async function signIn() {
  const kept = localStorage.getItem(TOKEN_KEY);
  if (kept && subjectOf(kept)) {
    useToken(kept);
    return true;
  }
  const answer = await fetch("/api/auth/guest", { method: "POST" });
  if (answer.ok) {
    useToken((await answer.json()).token);
    return true;
  }
  if (answer.status !== 404) throw new Error("no guest token"); // try again
  $("sign-in").hidden = false;
  $("token").focus();
  say("Not signed in");
  return false;
}

export function signOut() {
  localStorage.removeItem(TOKEN_KEY);
  location.reload();
}

export async function api(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { Authorization: `Bearer ${account.token}` } });
  const body = await answer.json();
  if (answer.status === 401 || (answer.status === 403 && body.code === "invalid_user_id")) signOut();
  if (!answer.ok) throw new Error(body.detail ?? answer.statusText);
  return body;
}
