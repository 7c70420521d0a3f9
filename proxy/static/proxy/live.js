// The live page: a table of the last 200 requests, filled from a WebSocket. Everything is set as text, never as markup.
"use strict";

(() => {
  const ROWS = 200;
  const page = document.getElementById("live");
  const part = (name) => document.getElementById(`live-${name}`);
  const body = part("rows");
  const requests = new Map(); // id → {event, failures, row}
  const missed = { before: 0, now: 0 };
  let paused = [];
  let isPaused = false;
  let retry = 1000;

  const OUTCOMES = { ok: "ok", error: "bad", interrupted: "warn", client_gone: "info" };
  const WORDS = { ok: "ok", error: "failed", interrupted: "interrupted", client_gone: "client left" };

  const seconds = (ms) => (ms === null || ms === undefined ? "" : `${(ms / 1000).toFixed(2)} s`);
  const served = (event) => (event.provider ? `${event.provider}/${event.actual_model}` : "");

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
    if (event.kind === "ended") {
      const over = event.outcome === "ok" && failures.length > 0;
      const badgeText = over ? "ok, failed over" : `${WORDS[event.outcome] || event.outcome}${event.status && event.outcome !== "ok" ? ` ${event.status}` : ""}`;
      return badge(badgeText, over ? "warn" : OUTCOMES[event.outcome] || "");
    }
    return failures.length ? badge("failing over", "warn") : badge("running", "info");
  }

  function draw(known) {
    const { event, failures, row } = known;
    row.replaceChildren();
    const time = new Date(event.time);
    cell(row, time.toLocaleTimeString(), "nowrap");
    const link = document.createElement("a");
    link.href = `${page.dataset.history}?q=${encodeURIComponent(event.id)}`;
    link.textContent = `…${event.id.slice(-8)}`;
    link.title = event.id;
    cell(row, link, "nowrap");
    cell(row, state(known));
    const asked = event.logical_model && event.logical_model !== event.requested_model
      ? `${event.requested_model} → ${event.logical_model}` : event.requested_model;
    cell(row, asked);
    cell(row, event.route, "nowrap");
    const where = cell(row, served(event), "wide");
    for (const failure of failures) {
      const line = document.createElement("div");
      line.className = "ccm-quiet";
      line.textContent = `${served(failure)}: ${failure.outcome.replaceAll("_", " ")}${failure.status ? ` ${failure.status}` : ""}`;
      where.append(line);
    }
    if (event.error) {
      const line = document.createElement("div");
      line.className = "ccm-quiet";
      line.textContent = event.error;
      where.append(line);
    }
    cell(row, event.client_key || "");
    cell(row, event.attempt ? String(event.attempt) : "", "number");
    cell(row, seconds(event.first_content_ms), "number");
    cell(row, seconds(event.duration_ms), "number");
    cell(row, event.kind === "ended" ? `${event.input_tokens.toLocaleString()} / ${event.output_tokens.toLocaleString()}` : "", "number");
    known.text = row.textContent.toLowerCase() + ` ${event.session || ""} ${event.id}`.toLowerCase();
    hide(known);
  }

  function hide(known) {
    known.row.hidden = !known.text.includes(part("filter").value.trim().toLowerCase());
  }

  function take(event) {
    let known = requests.get(event.id);
    if (!known) {
      known = { failures: [], row: body.insertRow(0), event };
      requests.set(event.id, known);
      while (requests.size > ROWS) {
        const [oldest, gone] = requests.entries().next().value;
        gone.row.remove();
        requests.delete(oldest);
      }
    }
    if (event.kind === "failed") known.failures.push(event);
    if (event.kind !== "failed" || known.event.kind !== "ended") {
      if (known.event.kind !== "ended") known.event = event;
    }
    draw(known);
  }

  function tell() {
    const shown = requests.size > 0;
    part("empty").hidden = shown;
    part("scroll").hidden = !shown;
    const dropped = missed.before + missed.now;
    const told = [`${requests.size} shown`];
    if (paused.length) told.push(`${paused.length} waiting`);
    if (dropped) told.push(`${dropped} dropped`);
    part("count").textContent = told.join(", ");
  }

  function receive(batch) {
    missed.now = batch.dropped;
    if (isPaused) {
      paused.push(...batch.events);
      if (paused.length > ROWS * 3) {
        missed.before += paused.length - ROWS * 3;
        paused = paused.slice(-ROWS * 3);
      }
    } else {
      batch.events.forEach(take);
    }
    tell();
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${page.dataset.socket}`);
    const say = (text, kind) => {
      part("state").textContent = text;
      part("state").className = `ccm-badge ${kind}`;
    };
    socket.onmessage = (message) => {
      retry = 1000;
      say("live", "ok");
      receive(JSON.parse(message.data));
      socket.send("read");
    };
    socket.onclose = (event) => {
      missed.before += missed.now;
      missed.now = 0;
      if (event.code === 4403) {
        say("not allowed: sign in again", "bad");
        return;
      }
      say("disconnected, trying again", "warn");
      setTimeout(connect, retry);
      retry = Math.min(retry * 2, 30000);
    };
  }

  part("filter").addEventListener("input", () => requests.forEach(hide));
  part("pause").addEventListener("click", () => {
    isPaused = !isPaused;
    part("pause").textContent = isPaused ? "Go on" : "Pause";
    part("pause").setAttribute("aria-pressed", String(isPaused));
    if (!isPaused) {
      paused.forEach(take);
      paused = [];
    }
    tell();
  });
  part("clear").addEventListener("click", () => {
    requests.clear();
    body.replaceChildren();
    tell();
  });
  connect();
})();
