// The console's form: sends it, reads the events that come back, stops, repeats, tells the curl command.
"use strict";

(() => {
  const view = window.ccmConsoleView;
  const part = (name) => document.getElementById(`console-${name}`);
  const form = part("form");
  let sent = null; // the fields of the last request
  let running = null; // its AbortController

  function show() {
    const whole = part("body").value.trim() !== "";
    part("parts").disabled = whole;
    for (const [name, kind] of [["budget", "enabled"], ["effort", "adaptive"]]) {
      part(`${name}-field`).hidden = part(name).disabled = part("thinking").value !== kind;
    }
    part("send").disabled = running !== null;
    part("stop").disabled = running === null;
    part("repeat").disabled = running !== null || sent === null;
  }

  function complain(errors, trouble) {
    for (const place of form.querySelectorAll("[data-error]")) {
      place.textContent = (errors[place.dataset.error] || []).join(" ");
    }
    if (errors.body) part("whole").open = true;
    part("trouble").textContent = trouble || (errors.__all__ || []).join(" ");
  }

  function post(values, signal) {
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
    return fetch(location.href, { method: "POST", body: values, headers, signal, credentials: "same-origin" });
  }

  // Null when the answer is a refusal, which is told.
  async function accepted(response, type) {
    if (response.ok && !response.redirected && response.headers.get("content-type").startsWith(type)) return response;
    if (response.status === 400 && response.headers.get("content-type").startsWith("application/json")) {
      complain((await response.json()).errors, "");
    } else if (response.status === 403) {
      complain({}, "Not allowed. Load the page again; if that does not help, ask for the right to use the console.");
    } else if (response.status === 413) {
      complain({}, "That is too much text for the console. “Replay” on the page of a captured request sends longer ones.");
    } else if (response.redirected) {
      complain({}, "You are signed out. Load the page again and sign in.");
    } else {
      complain({}, `The server answered ${response.status}. Its log says why.`);
    }
    return null;
  }

  function take(frame) {
    let name = "";
    const data = [];
    for (const line of frame.split("\n")) {
      if (line.startsWith("event: ")) name = line.slice(7);
      if (line.startsWith("data: ")) data.push(line.slice(6));
    }
    if (view.take[name]) view.take[name](JSON.parse(data.join("\n")));
    return name === "summary";
  }

  // True when the last event was seen.
  async function read(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let complete = false;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return complete;
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) complete = take(frame) || complete;
    }
  }

  async function send(values) {
    if (running) return;
    const mine = new AbortController();
    running = mine;
    sent = values;
    complain({}, "");
    show();
    let ticking = 0;
    try {
      const response = await accepted(await post(values, mine.signal), "text/event-stream");
      if (!response) return;
      view.clear();
      ticking = setInterval(view.clock, 100);
      if (!(await read(response.body))) view.ended("The connection ended before the answer did. The history has what is known.");
    } catch (error) {
      if (mine.signal.aborted) {
        if (ticking) view.ended("You stopped it. The call to the provider was cut.");
      } else if (ticking) {
        view.ended(`The connection broke: ${error.message}. The history has what is known.`);
      } else {
        complain({}, `The server cannot be reached: ${error.message}.`);
      }
    } finally {
      clearInterval(ticking);
      running = null;
      show();
    }
  }

  async function curl() {
    const values = new FormData(form);
    values.set("action", "curl");
    complain({}, "");
    let response;
    try {
      response = await accepted(await post(values), "application/json");
    } catch (error) {
      complain({}, `The server cannot be reached: ${error.message}.`);
      return;
    }
    if (!response) return;
    const { command } = await response.json();
    part("command-text").textContent = command;
    part("command").hidden = false;
    try {
      await navigator.clipboard.writeText(command);
      part("copied").textContent = "Copied. It reads a client key from $ANTHROPIC_AUTH_TOKEN.";
    } catch {
      // No clipboard without HTTPS, or it was not allowed.
      part("copied").textContent = "Select and copy. It reads a client key from $ANTHROPIC_AUTH_TOKEN.";
    }
  }

  function tabs() {
    const all = ["answer", "raw", "both"];
    const choose = (chosen) => {
      for (const name of all) {
        part(`tab-${name}`).setAttribute("aria-selected", String(name === chosen));
        part(`tab-${name}`).tabIndex = name === chosen ? 0 : -1;
      }
      for (const name of ["answer", "raw"]) part(name).hidden = chosen !== "both" && name !== chosen;
    };
    for (const name of all) {
      part(`tab-${name}`).addEventListener("click", () => choose(name));
      part(`tab-${name}`).addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        const step = event.key === "ArrowRight" ? 1 : all.length - 1;
        const other = all[(all.indexOf(name) + step) % all.length];
        choose(other);
        part(`tab-${other}`).focus();
      });
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(new FormData(form));
  });
  form.addEventListener("input", show);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  part("stop").addEventListener("click", () => running && running.abort());
  part("repeat").addEventListener("click", () => sent && send(sent));
  part("curl").addEventListener("click", curl);
  if (part("body").value) part("whole").open = true;
  tabs();
  show();
})();
