// The dashboard's charts, drawn by the theme's Chart.js from the page's JSON, in the colours of pages.css, light or dark.
"use strict";

(() => {
  const page = document.getElementById("dashboard");
  const data = JSON.parse(document.getElementById("dashboard-data").textContent);
  const drawn = [];

  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const whole = new Intl.NumberFormat("en");
  const dollars = (value) => `$${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: value && value < 1 ? 4 : 2 })}`;
  const time = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`);
  const UNITS = {
    count: { axis: (value) => short.format(value), exact: (value) => whole.format(value) },
    usd: { axis: (value) => `$${value < 1000 ? Number(value.toPrecision(6)) : short.format(value)}`, exact: dollars },
    ms: { axis: (value) => `${value / 1000} s`, exact: time },
  };

  function colours() {
    const style = getComputedStyle(page);
    return (name) => style.getPropertyValue(`--${name}`).trim();
  }

  // A line is only seen between two points: one that stands alone is a dot.
  const alone = ({ dataset, dataIndex }) => {
    const there = (index) => dataset.data[index] !== null && dataset.data[index] !== undefined;
    return there(dataIndex - 1) || there(dataIndex + 1) ? 0 : 3;
  };

  function datasets(chart, colour) {
    return chart.series.map((one) => {
      const shade = colour(one.colour);
      const common = { label: one.name, data: one.values, backgroundColor: shade, borderColor: shade };
      return chart.kind === "bars"
        ? { ...common, borderRadius: 0, borderWidth: 0, stack: "all", categoryPercentage: 0.92, barPercentage: 0.96 }
        : { ...common, borderWidth: 2, pointRadius: alone, pointHitRadius: 12, cubicInterpolationMode: "monotone", spanGaps: false };
    });
  }

  function options(chart, colour) {
    const bars = chart.kind === "bars";
    const unit = UNITS[chart.unit];
    const ticks = { color: colour("ink"), maxRotation: 0, autoSkipPadding: 16 };
    return {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      interaction: { mode: "index", intersect: false },
      plugins: {
        legend: { position: "top", align: "start", labels: { color: colour("ink"), boxWidth: 10, boxHeight: 10 } },
        tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${unit.exact(item.parsed.y)}` } },
      },
      scales: {
        x: { stacked: bars, ticks, grid: { display: false }, border: { color: colour("line") } },
        y: {
          stacked: bars, beginAtZero: true, border: { display: false }, grid: { color: colour("line") },
          ticks: { ...ticks, maxTicksLimit: 6, precision: chart.unit === "count" ? 0 : undefined, callback: unit.axis },
        },
      },
    };
  }

  function draw() {
    const colour = colours();
    Chart.defaults.font.family = getComputedStyle(page).fontFamily;
    for (const canvas of page.querySelectorAll("canvas[data-chart]")) {
      const chart = data.charts.find((one) => one.id === canvas.dataset.chart);
      drawn.push({
        chart,
        shown: new Chart(canvas, {
          type: chart.kind === "bars" ? "bar" : "line",
          data: { labels: data.labels, datasets: datasets(chart, colour) },
          options: options(chart, colour),
        }),
      });
    }
  }

  function repaint() {
    const colour = colours();
    for (const { chart, shown } of drawn) {
      // What the reader has hidden in the legend stays hidden.
      datasets(chart, colour).forEach((one, number) => Object.assign(shown.data.datasets[number], one));
      shown.options = options(chart, colour);
      shown.update();
    }
  }

  let dark = document.documentElement.classList.contains("dark");
  draw();
  new MutationObserver(() => {
    const now = document.documentElement.classList.contains("dark");
    if (now !== dark) {
      dark = now;
      repaint();
    }
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
})();
