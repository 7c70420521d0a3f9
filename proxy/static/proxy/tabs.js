"use strict";

// Tabs work with the keyboard: to the theme they are links that lead nowhere, which no key reaches. And after saving
// a page with tabs, the tab that was open is open again: the theme goes back to the first.
(() => {
  const tabs = [...document.querySelectorAll(`nav a[x-on\\:click^="activeFieldsetTab"]`)];
  const key = `ccm-tab ${location.pathname}`;
  const name = (tab) => tab.getAttribute("x-on:click");
  let open = null;
  const tell = () => requestAnimationFrame(() => {
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.classList.contains("active")));
  });
  for (const tab of tabs) {
    tab.tabIndex = 0;
    tab.setAttribute("role", "button");
    tab.addEventListener("click", () => { open = tab; tell(); });
    tab.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      tab.click();
    });
  }
  document.addEventListener("alpine:initialized", tell);
  if (window.Alpine) tell();
  document.addEventListener("submit", () => {
    if (open !== null) { sessionStorage.setItem(key, name(open)); }
  });
  const last = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  // Where something is wrong the theme opens the tab that says so.
  const wrong = tabs.some((tab) => tab.querySelector("[data-testid=error-count]") !== null);
  const wanted = tabs.find((tab) => name(tab) === last);
  if (wanted !== undefined && !wrong) {
    document.addEventListener("alpine:initialized", () => wanted.click());
    if (window.Alpine) { wanted.click(); }
  }
})();
