// The live page: a table of the last 200 requests, filled from a WebSocket. Everything is set as text, never as markup.
"use strict";

(() => {
  const ROWS = 200;
  const SILENCE_MS = 15000; // the server says something every two seconds
  const page = document.getElementById("live");
  const part = (name) => document.getElementById(`live-${name}`);
  const body = part("rows");
  const requests = new Map(); // id → {event, failures, row, seen, doubtful}
  const missed = { before: 0, now: 0 };
  let paused = [];
  let isPaused = false;
  let retry = 1000;
  let words = [];
  let gap = { from: null, told: "" }; // since when nothing is seen, and the last time that it was so in words
  let sighted = null; // when it was last known that everything is seen

  const OUTCOMES = { ok: "ok", error: "bad", interrupted: "warn", client_gone: "info" };
  const WORDS = { ok: "ok", error: "failed", interrupted: "interrupted", client_gone: "client left" };

  const clock = ccmTimes.clock(page.dataset.zone);
  const seconds = (ms) => (ms === null || ms === undefined ? "" : ccmTimes.seconds(ms));
  const served = (event) => (event.provider ? `${event.provider}/${event.actual_model}` : "");
  const runs = (known) => known.event.kind !== "ended";

  function badge(text, kind) {
    const span = document.createElement("span");
    span.className = `ccm-badge ${kind}`;
    span.textContent = text;
    return span;
  }

  function cell(row, content, kind) {
    const td = row.insertCell();
    if (kind) td.className = kind;
    td.append(content);
    return td;
  }

  function state(known) {
    const { event, failures } = known;
    if (!runs(known)) {
      const over = event.outcome === "ok" && failures.length > 0;
      const badgeText = over ? "failed over" : `${WORDS[event.outcome] || event.outcome}${event.status && event.outcome !== "ok" ? ` ${event.status}` : ""}`;
      return badge(badgeText, over ? "warn" : OUTCOMES[event.outcome] || "");
    }
    if (known.doubtful) {
      const told = badge("lost sight", "warn");
      told.title = "Events were missed while it ran: the request history knows how it ended.";
      return told;
    }
    return failures.length ? badge("failing over", "warn") : badge("running", "info");
  }

  // The row of a request is written a moment after its end; until then the history can only be searched for it.
  function link(known) {
    const { event } = known;
    const a = document.createElement("a");
    a.href = runs(known)
      ? `${page.dataset.history}?q=${encodeURIComponent(event.id)}`
      : `${page.dataset.history}${encodeURIComponent(event.id)}/change/`;
    a.textContent = `…${event.id.slice(-8)}`;
    a.title = event.id;
    return a;
  }

  function age(known) {
    if (!runs(known) || known.doubtful) return seconds(known.event.duration_ms);
    return `${Math.floor((Date.now() - known.seen) / 1000)} s`;
  }

  function draw(known) {
    const { event, failures, row } = known;
    const focused = row.contains(document.activeElement);
    row.replaceChildren();
    cell(row, clock(new Date(event.time)), "nowrap");
    const a = link(known);
    cell(row, a, "nowrap");
    if (focused) a.focus({ preventScroll: true });
    cell(row, state(known), "nowrap");
    known.took = cell(row, age(known), "number nowrap");
    const asked = event.logical_model && event.logical_model !== event.requested_model
      ? `${event.requested_model} → ${event.logical_model}` : event.requested_model;
    cell(row, asked, "asked");
    const where = cell(row, event.kind === "failed" ? "" : served(event), "wide");
    for (const failure of failures) {
      const line = document.createElement("div");
      line.className = "ccm-quiet";
      line.textContent = `${served(failure)}: ${failure.outcome.replaceAll("_", " ")}${failure.status ? ` ${failure.status}` : ""}${failure.drill ? " (drill)" : ""}`;
      where.append(line);
    }
    if (event.error) {
      const line = document.createElement("div");
      line.className = "ccm-quiet";
      line.textContent = event.error;
      where.append(line);
    }
    cell(row, runs(known) ? "" : `${event.input_tokens.toLocaleString()} / ${event.output_tokens.toLocaleString()}`, "number nowrap");
    cell(row, seconds(event.first_content_ms), "number nowrap");
    cell(row, event.attempt ? String(event.attempt) : "", "number");
    cell(row, event.route, "nowrap");
    cell(row, event.client_key || "");
    const cells = Array.from(row.cells, (one) => one.textContent).join(" ");
    known.text = `${cells} ${event.session || ""} ${event.id}`.toLowerCase();
    hide(known);
  }

  function hide(known) {
    known.row.hidden = !words.every((word) => known.text.includes(word));
  }

  // The oldest that has ended makes room: what still runs is what one waits for.
  function makeRoom() {
    while (requests.size > ROWS) {
      const all = Array.from(requests);
      const [oldest, gone] = all.find(([, known]) => !runs(known)) || all[0];
      gone.row.remove();
      requests.delete(oldest);
    }
  }

  function take({ event, seen }) {
    let known = requests.get(event.id);
    if (!known) {
      known = { failures: [], row: body.insertRow(0), event, seen };
      requests.set(event.id, known);
    }
    if (event.kind === "failed") known.failures.push(event);
    if (runs(known)) known.event = event;
    known.doubtful = false;
    draw(known);
  }

  function doubt() {
    for (const known of requests.values()) {
      if (!runs(known) || known.doubtful) continue;
      known.doubtful = true;
      draw(known);
    }
  }

  function tell() {
    const shown = requests.size > 0;
    part("empty").hidden = shown;
    part("scroll").hidden = !shown;
    const dropped = missed.before + missed.now;
    let matching = 0;
    for (const known of requests.values()) matching += known.row.hidden ? 0 : 1;
    const told = [words.length ? `${matching} of ${requests.size} shown` : `${requests.size} shown`];
    if (paused.length) told.push(`${new Set(paused.map(({ event }) => event.id)).size} waiting`);
    if (dropped) told.push(`${dropped} dropped`);
    if (gap.told) told.push(gap.told);
    part("count").textContent = told.join(", ");
    part("count").title = dropped ? "Events that came faster than this page took them, or while Redis was away: the request history has all requests." : "";
  }

  function receive(batch) {
    if (batch.dropped > missed.now) doubt();
    missed.now = batch.dropped;
    const news = batch.events.map((event) => ({ event, seen: Date.now() }));
    if (isPaused) {
      paused.push(...news);
      if (paused.length > ROWS * 3) {
        missed.before += paused.length - ROWS * 3;
        paused = paused.slice(-ROWS * 3);
        doubt();
      }
    } else {
      news.forEach(take);
      makeRoom();
    }
    tell();
  }

  function say(text, kind) {
    if (part("state").textContent === text) return; // it is read aloud when it changes
    part("state").textContent = text;
    part("state").className = `ccm-badge ${kind}`;
  }

  function loseSight() {
    doubt();
    gap.from = gap.from || sighted;
  }

  function regainSight() {
    sighted = new Date();
    if (!gap.from) return;
    gap = { from: null, told: `nothing seen ${clock(gap.from)} to ${clock(sighted)}` };
  }

  // What the end of a connection means; undefined: trying again helps nobody.
  function farewell(code, wasOpen) {
    if (code === 4403) return undefined;
    if (code === 1001) return "the server is restarting, trying again";
    if (code === 4503) return "Redis or the database does not answer, trying again";
    return wasOpen ? "disconnected, trying again" : "no connection to the server, trying again";
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${page.dataset.socket}`);
    let heard = Date.now();
    let wasOpen = false;
    let over = false;
    const watch = setInterval(() => {
      if (Date.now() - heard > SILENCE_MS) end(1006);
    }, 1000);
    function end(code) {
      if (over) return; // a connection that is dead may take minutes to say so
      over = true;
      clearInterval(watch);
      socket.close();
      missed.before += missed.now;
      missed.now = 0;
      loseSight();
      const why = farewell(code, wasOpen);
      if (why === undefined) {
        say("not allowed: sign in again", "bad");
        return;
      }
      say(why, "warn");
      setTimeout(connect, retry);
      retry = Math.min(retry * 2, 10000);
    }
    socket.onmessage = (message) => {
      if (over) return;
      retry = 1000;
      wasOpen = true;
      heard = Date.now();
      const batch = JSON.parse(message.data);
      if (batch.away) {
        loseSight();
        say("Redis does not answer: requests are served but not shown", "warn");
      } else {
        regainSight();
        say("live", "ok");
      }
      receive(batch);
      socket.send(batch.token);
    };
    socket.onclose = (event) => end(event.code);
  }

  function filter() {
    words = part("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    requests.forEach(hide);
    tell();
  }

  function pause() {
    isPaused = !isPaused;
    part("pause").textContent = isPaused ? "Go on" : "Pause";
    part("pause").setAttribute("aria-pressed", String(isPaused));
    if (!isPaused) {
      paused.forEach(take);
      paused = [];
      makeRoom();
    }
    tell();
  }

  part("filter").addEventListener("input", filter);
  part("pause").addEventListener("click", pause);
  part("clear").addEventListener("click", () => {
    for (const [id, known] of requests) if (!runs(known) || known.doubtful) requests.delete(id);
    body.replaceChildren(...Array.from(requests.values(), (known) => known.row).reverse());
    paused = [];
    missed.before = -missed.now;
    gap = { from: null, told: "" };
    tell();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inField = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && event.target === part("filter")) {
      part("filter").value = "";
      filter();
      part("filter").blur();
    } else if (event.key === "/" && !inField) {
      event.preventDefault();
      part("filter").focus();
    } else if (event.key === "p" && !inField) {
      pause();
    }
  });
  setInterval(() => {
    for (const known of requests.values()) if (runs(known)) known.took.textContent = age(known);
  }, 1000);
  connect();
})();
