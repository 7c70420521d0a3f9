"use strict";
// JSON on a page in colours: the text is cut into spans by its own tokens. It is only ever text.

(() => {
  const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)/g;

  function span(kind, text) {
    const made = document.createElement("span");
    made.className = `json-${kind}`;
    made.textContent = text;
    return made;
  }

  function coloured(text) {
    const made = document.createDocumentFragment();
    let done = 0;
    for (const found of text.matchAll(TOKENS)) {
      const [whole, string, colon, word, number] = found;
      made.append(text.slice(done, found.index));
      if (string) made.append(span(colon ? "name" : "text", string), colon ?? "");
      else made.append(span(word ? "word" : "number", word ?? number));
      done = found.index + whole.length;
    }
    made.append(text.slice(done));
    return made;
  }

  function show(place) {
    if (place.dataset.json === "shown") return;
    place.dataset.json = "shown";
    place.replaceChildren(coloured(place.textContent));
  }

  for (const place of document.querySelectorAll("pre[data-json]")) {
    const fold = place.closest("details");
    if (!fold) show(place);
    else fold.addEventListener("toggle", () => fold.open && show(place));
  }
})();
