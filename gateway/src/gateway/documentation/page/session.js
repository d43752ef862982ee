"use strict";

/* The login. Tokens live in this page's memory only: a reload forgets them, nothing is stored. */
const session = {
  access: null,
  refresh: null,
  timer: null,
  changed: () => {},

  headers: () => (session.access ? { Authorization: `Bearer ${session.access}` } : {}),

  ask: async (path, body, headers = {}) => {
    const response = await fetch(`/api/v1/auth/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    const answer = text ? JSON.parse(text) : {};
    if (!response.ok) throw new Error(answer.detail || String(response.status));
    return answer;
  },

  take: (tokens) => {
    session.access = tokens.access_token;
    session.refresh = tokens.refresh_token;
    clearTimeout(session.timer);
    /* A minute before the end, or at half of a short life. */
    const seconds = Math.max(tokens.expires_in - 60, tokens.expires_in / 2);
    session.timer = setTimeout(session.renew, seconds * 1000);
  },

  login: async (email, password) => {
    session.take(await session.ask("login", { email, password }));
    session.changed("in");
  },

  renew: async () => {
    try {
      session.take(await session.ask("refresh", { refresh_token: session.refresh }));
    } catch {
      session.forget("ended");
    }
  },

  logout: async () => {
    const headers = session.headers();
    session.forget("out");
    try {
      await session.ask("logout", {}, headers);
    } catch { /* Forgotten here in any case; the token ends by itself. */ }
  },

  forget: (why) => {
    clearTimeout(session.timer);
    session.access = null;
    session.refresh = null;
    session.changed(why);
  },
};
