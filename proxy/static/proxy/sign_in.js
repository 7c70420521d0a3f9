"use strict";

/* The steps of a sign-in: when it was completed in the vendor's tab, or is over, this tab goes on by itself. */

(() => {
  const steps = document.getElementById("steps");
  const code = document.getElementById("code");
  const PAUSE_MS = 2000;

  async function look() {
    try {
      const answer = await fetch(steps.dataset.progress, { headers: { accept: "application/json" }, redirect: "error" });
      if (answer.ok && !(await answer.json()).under_way && !code.value) {
        window.location.assign(steps.dataset.next);
        return;
      }
    } catch {
      // The server is away for a moment, or the session is over: the form still tells.
    }
    window.setTimeout(look, PAUSE_MS);
  }

  window.setTimeout(look, PAUSE_MS);
})();
