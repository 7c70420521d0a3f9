// A box beside each pattern: what is typed there is tried against it by the router's own matcher.
"use strict";

(() => {
  const WAIT = 250; // milliseconds after the last key
  const KINDS = { match: "ok", "no match": "info", wrong: "bad" };

  function made(tag, kind, text) {
    const node = document.createElement(tag);
    node.className = kind;
    node.textContent = text;
    return node;
  }

  function attach(pattern) {
    const box = made("div", "ccm-page ccm-trial", "");
    const text = made("input", "ccm-input", "");
    text.type = "text";
    text.maxLength = 2000; // it travels in an address
    text.placeholder = `Try it: ${pattern.dataset.patternText}`;
    text.setAttribute("aria-label", `Try the pattern on ${pattern.dataset.patternText}`);
    text.autocomplete = "off";
    text.spellcheck = false;
    const badge = made("span", "ccm-badge", "");
    const words = made("span", "ccm-quiet", "");
    const said = made("div", "ccm-trial-said", "");
    said.setAttribute("role", "status");
    said.append(badge, words);
    box.append(text, said);
    pattern.after(box);

    let timer = 0;
    let asked = null;

    function show(verdict, more) {
      badge.hidden = verdict === "";
      badge.className = `ccm-badge ${KINDS[verdict] || ""}`;
      badge.textContent = verdict === "wrong" ? "not a pattern" : verdict;
      words.textContent = more;
    }

    async function ask() {
      if (asked) asked.abort();
      asked = new AbortController();
      const query = new URLSearchParams({ pattern: pattern.value, text: text.value });
      try {
        const answer = await fetch(`${pattern.dataset.patternUrl}?${query}`, { signal: asked.signal });
        if (!answer.ok || answer.redirected) throw new Error("refused");
        const told = await answer.json();
        const silent = told.verdict !== "wrong" && text.value === "";
        show(silent ? "" : told.verdict, told.words);
      } catch (error) {
        if (error.name !== "AbortError") show("", "This could not be asked. Reload the page; perhaps you are signed out.");
      }
    }

    function soon() {
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT);
    }

    for (const input of [pattern, text]) input.addEventListener("input", soon);
    // What is tried is no part of the form: it is not sent, and leaving it is no unsaved change.
    for (const kind of ["input", "change"]) box.addEventListener(kind, (event) => event.stopPropagation());
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        clearTimeout(timer);
        ask();
      }
    });
    show("", "");
  }

  document.querySelectorAll("input[data-pattern-url]").forEach(attach);
})();
