"use strict";

// The set-up of a provider: lists that filter as one types, a name that follows the choice. And a button that says it is busy.

(function () {
  const search = document.getElementById("setup-search");
  const none = document.getElementById("setup-none");

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const group of document.querySelectorAll("[data-filter-group]")) {
      let here = 0;
      for (const row of group.querySelectorAll("[data-filter]")) {
        const ticked = row.querySelector("input:checked") !== null;
        row.hidden = !ticked && !words.every((word) => row.dataset.filter.includes(word));
        here += row.hidden ? 0 : 1;
      }
      group.hidden = here === 0;
      shown += here;
    }
    none.hidden = shown > 0;
  }

  if (search !== null && none !== null) {
    search.addEventListener("input", filter);
    // All rows are on the page: a search need not leave it, unless the server has narrowed them already.
    if (!new URLSearchParams(location.search).get("q")) {
      search.form.addEventListener("submit", (event) => event.preventDefault());
      if (search.value) { filter(); } // typed before this script was here
    }
  }

  const models = document.getElementById("setup-models");
  if (models !== null) {
    const name = models.elements.namedItem("name");
    let own = name.value !== "";
    name.addEventListener("input", () => { own = name.value !== ""; });
    const follow = (event) => {
      if (event.target.name === "models" || event.target.name === "other") {
        const first = models.querySelector("input[name=models]:checked");
        const chosen = first === null ? models.elements.namedItem("other").value : first.value;
        if (!own) { name.value = chosen.replace(/\/+$/, "").split("/").pop().replaceAll(",", " ").trim(); }
      }
    };
    models.addEventListener("change", follow);
    models.addEventListener("input", follow);
    for (const field of models.querySelectorAll("#id_into, #id_name")) {
      const radio = document.getElementById(field.id === "id_into" ? "where-existing" : "where-new");
      field.addEventListener("input", () => { if (radio !== null) { radio.checked = true; } });
    }
  }

  for (const form of document.querySelectorAll("form[data-busy]")) {
    let sent = false;
    form.addEventListener("submit", (event) => {
      // A second click would make a second provider, or an error about the first.
      if (sent) { event.preventDefault(); return; }
      sent = true;
      const button = event.submitter;
      if (button !== null) {
        // After the form is on its way: a disabled button would not be sent.
        setTimeout(() => { button.textContent = form.dataset.busy; button.disabled = true; }, 0);
      }
    });
  }
  // Back may bring the page as it was left, with its button busy.
  window.addEventListener("pageshow", (event) => { if (event.persisted) { location.reload(); } });
})();
