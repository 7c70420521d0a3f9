// Times as all pages tell them: how long something took, and the clock of the server's time zone.
"use strict";

window.ccmTimes = (() => {
  const three = (value) => value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);

  function seconds(ms) {
    if (ms === null || ms === undefined) return "–";
    if (ms < 999.5) return `${Math.round(ms)} ms`;
    return ms < 99950 ? `${three(ms / 1000)} s` : `${(ms / 60000).toFixed(1)} min`;
  }

  function clock(zone) {
    const told = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: zone });
    return (moment) => told.format(moment);
  }

  return { seconds, clock };
})();
