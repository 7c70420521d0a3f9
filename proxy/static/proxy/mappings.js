// The chain of a logical model: the models offered follow the provider, and what is filled in is not folded away.
"use strict";

(() => {
  const chain = document.getElementById("mappings-group");
  if (!chain) return;

  chain.addEventListener("change", (event) => {
    const select = event.target;
    if (!(select instanceof HTMLSelectElement) || !select.name.endsWith("-provider")) return;
    const model = chain.querySelector(`input[name="${select.name.replace(/-provider$/, "-actual_model")}"]`);
    const wanted = `models-of-${select.value || "all"}`;
    if (model) model.setAttribute("list", document.getElementById(wanted) ? wanted : "models-of-all");
  });

  for (const details of chain.querySelectorAll("details")) {
    details.open = Array.from(details.querySelectorAll("input")).some((input) => input.value !== "");
  }
})();
