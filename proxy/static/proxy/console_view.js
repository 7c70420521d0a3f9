// The console's right side: the route, the attempts, the answer and its raw events. Everything is set as text.
"use strict";

window.ccmConsoleView = (() => {
  const RAW_SHOWN = 2000;
  const page = document.getElementById("console");
  const part = (name) => document.getElementById(`console-${name}`);
  let blocks = new Map(); // index of a content block → the node its text grows in
  let attempts = new Map(); // number → its row
  let raw = 0;
  let begun = 0;
  let request = ""; // its id in the history, once it is known

  const { seconds } = ccmTimes;
  const words = (text) => text.replaceAll("_", " ");

  function made(tag, kind, ...content) {
    const node = document.createElement(tag);
    if (kind) node.className = kind;
    node.append(...content);
    return node;
  }

  function state(text, kind) {
    part("state").textContent = text;
    part("state").className = `ccm-badge ${kind}`;
  }

  function clear() {
    blocks = new Map();
    attempts = new Map();
    raw = 0;
    request = "";
    begun = performance.now();
    for (const name of ["decision", "attempts", "figures", "answer", "raw"]) part(name).replaceChildren();
    for (const name of ["why", "clock", "raw-count"]) part(name).textContent = "";
    part("no-attempt").hidden = false;
    part("no-attempt").textContent = "None yet.";
    part("measured").hidden = true;
    part("empty").hidden = true;
    part("result").hidden = false;
    if (part("result").getBoundingClientRect().top > window.innerHeight) part("result").scrollIntoView();
    state("routing", "info");
  }

  function decision(told) {
    request = told.request_id;
    const model = told.model || "no logical model";
    const asked = told.asked_for === told.model ? model : `${told.asked_for} → ${model}`;
    const targets = made("ol", "ccm-order");
    for (const target of told.targets) {
      const key = target.key ? ` (${target.key})` : "";
      const item = made("li", "", `${target.provider}/${target.actual_model}${key} `);
      if (target.cooling) item.append(made("span", "ccm-badge warn", "cooling"));
      targets.append(item);
    }
    part("decision").append(
      made("p", "", made("span", "ccm-badge info", words(told.route)), ` ${asked}`),
      made("p", "ccm-quiet", told.why),
      targets,
    );
    state("waiting for content", "info");
  }

  function attempt(told) {
    let row = attempts.get(told.number);
    if (!row) {
      row = part("attempts").appendChild(made("li"));
      attempts.set(told.number, row);
      part("no-attempt").hidden = true;
    }
    const kinds = { ok: "ok", client_gone: "info", incapable: "info", interrupted: "warn" };
    const status = told.status && told.status !== 200 ? ` ${told.status}` : "";
    let badge = told.first_content_ms === null ? made("span", "ccm-badge info", "calling") : made("span", "ccm-badge info", "answering");
    if (told.outcome) badge = made("span", `ccm-badge ${kinds[told.outcome] || "bad"}`, words(told.outcome) + status);
    const times = [`after ${seconds(told.started_ms)}`];
    if (told.first_content_ms !== null) times.push(`first content at ${seconds(told.first_content_ms)}`);
    if (told.outcome) times.push(`took ${seconds(told.duration_ms)}`);
    if (told.drill) times.push("a drill made it fail");
    row.replaceChildren(badge, ` ${told.provider}/${told.actual_model} `, made("span", "ccm-quiet", times.join(", ")));
    if (told.message) row.append(made("div", "ccm-quiet", told.message));
    row.dataset.open = told.outcome ? "" : "yes";
    if (told.first_content_ms !== null && !told.outcome) state("answering", "info");
  }

  function rawEvent(type, text) {
    raw += 1;
    part("raw-count").textContent = `(${raw})`;
    if (raw > RAW_SHOWN) {
      if (raw === RAW_SHOWN + 1) part("raw").append(made("p", "ccm-quiet", `Only the first ${RAW_SHOWN} are shown.`));
      return;
    }
    const at = seconds(performance.now() - begun);
    part("raw").append(made("div", "ccm-raw", made("span", "ccm-quiet", `${at}  ${type}`), made("pre", "ccm-pre", text)));
  }

  function block(index, content) {
    const names = { text: "", thinking: "Thinking", redacted_thinking: "Thinking, hidden by the provider" };
    const called = content.name ? `Calls ${content.name}` : words(content.type);
    const title = content.type in names ? names[content.type] : called;
    const grows = document.createTextNode("");
    const box = made("div", `ccm-block ${content.type === "text" ? "" : "aside"}`);
    if (title) box.append(made("div", "ccm-quiet", title));
    box.append(made("div", content.type === "text" ? "ccm-said" : "ccm-pre", grows));
    part("answer").append(box);
    blocks.set(index, grows);
    grows.appendData(content.text || content.thinking || "");
    const given = content.input && Object.keys(content.input).length ? content.input : content.content;
    if (given) grows.appendData(JSON.stringify(given, null, 2));
  }

  function message(told) {
    rawEvent(told.type, told.json);
    let event;
    try {
      event = JSON.parse(told.json);
    } catch {
      return; // shown raw; there is nothing to render
    }
    if (event.type === "content_block_start") block(event.index, event.content_block || {});
    if (event.type === "content_block_delta") {
      const delta = event.delta || {};
      const grows = blocks.get(event.index);
      if (grows) grows.appendData(delta.text || delta.thinking || delta.partial_json || "");
    }
  }

  function answer(told) {
    let whole;
    try {
      whole = JSON.parse(told.json);
    } catch {
      rawEvent("message", told.json);
      return;
    }
    rawEvent("message", JSON.stringify(whole, null, 2));
    (whole.content || []).forEach((content, index) => block(index, content));
  }

  function error(told) {
    state(told.status ? `failed ${told.status}` : "failed", "bad");
    const kind = told.type ? `${words(told.type)}: ` : "";
    part("answer").append(made("p", "ccm-error", `${kind}${told.message}`));
  }

  function figure(name, value) {
    part("figures").append(made("div", "", made("dt", "ccm-quiet", name), made("dd", "", value)));
  }

  function historyLink(id) {
    if (!page.dataset.maySeeHistory || !id) return "";
    const link = made("a", "", "In the history");
    link.href = `${page.dataset.history}?q=${encodeURIComponent(id)}`;
    return link;
  }

  function summary(told) {
    if (!told.attempts) part("no-attempt").textContent = "No provider was called.";
    figure("Tokens in", told.input_tokens.toLocaleString());
    if (told.cache_read_tokens) figure("Cache read", told.cache_read_tokens.toLocaleString());
    if (told.cache_write_tokens) figure("Cache write", told.cache_write_tokens.toLocaleString());
    figure("Tokens out", told.output_tokens.toLocaleString());
    if (told.thinking_tokens) figure("Of these, thinking", told.thinking_tokens.toLocaleString());
    const unknown = told.attempts ? "not known" : "–";
    figure("Cost", told.cost_usd === null ? unknown : `$${Number(told.cost_usd).toFixed(6)}`);
    figure("First content", seconds(told.first_content_ms));
    figure("Took", seconds(told.duration_ms));
    figure("Stop reason", told.stop_reason || "–");
    part("why").textContent = told.why;
    part("clock").textContent = "";
    const link = historyLink(told.request_id);
    if (link) figure("Request", link);
    part("measured").hidden = false;
    if (told.outcome === "ok") state(told.attempts > 1 ? "failed over" : "ok", told.attempts > 1 ? "warn" : "ok");
    else state(`${told.outcome === "error" ? "failed" : words(told.outcome)} ${told.status || ""}`, told.outcome === "interrupted" ? "warn" : "bad");
  }

  function ended(text) {
    state("stopped", "warn");
    for (const row of attempts.values()) {
      if (row.dataset.open) row.firstChild.replaceWith(made("span", "ccm-badge warn", "cut"));
    }
    part("answer").append(made("p", "ccm-quiet", `${text} `, historyLink(request)));
  }

  function clock() {
    part("clock").textContent = seconds(performance.now() - begun);
  }

  return { clear, clock, ended, take: { decision, attempt, message, answer, error, summary } };
})();
