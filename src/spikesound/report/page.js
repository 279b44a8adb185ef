"use strict";
// Draws what the element #plots holds; the numbers come from Python, only their look from here.
(() => {
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const root = document.documentElement;
  const narrow = () => window.innerWidth < 700;
  const hidden = {};

  // light-dark() is resolved by the browser only where it is used as a colour.
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const resolved = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const faint = (paint) => paint.replace(/^rgb\(/, "rgba(").replace(/\)$/, ", 0.14)");
  const palette = () => Object.fromEntries(
    ["text", "soft", "line", "card", "ann", "snn", "baseline"].map((name) => [name, resolved(name)]),
  );

  function traces(series, paint) {
    const colours = { ...paint, ink: paint.text, front: paint.soft };
    const tone = colours[series.family];
    const hover = series.hover.length
      ? { text: series.hover, hovertemplate: "%{text}<extra></extra>" }
      : { hoverinfo: "skip" };
    const base = { x: series.x, y: series.y, name: series.name, showlegend: false, ...hover };
    if (series.kind === "front") {
      return [{ ...base, mode: "lines", line: { shape: "hv", color: tone, width: 1.5, dash: "dot" } }];
    }
    if (series.kind === "thin") {
      return [{ ...base, mode: "lines", line: { color: tone, width: 1.2, dash: series.dash } }];
    }
    if (series.kind === "range") {
      const point = { ...base, mode: "markers", marker: { symbol: series.symbol, size: 10, color: tone } };
      if (series.low.length) {
        point.error_x = { type: "data", symmetric: false, color: tone, thickness: 1.6, width: 3,
          array: series.high.map((high, i) => high - series.x[i]),
          arrayminus: series.low.map((low, i) => series.x[i] - low) };
      }
      return [point];
    }
    if (series.kind === "line") {
      const line = { color: tone, width: 2, dash: series.dash };
      const drawn = { ...base, mode: "lines+markers", line, connectgaps: false,
        marker: { symbol: series.symbol, size: 7, color: tone } };
      return series.low.length ? [band(series, tone), drawn] : [drawn];
    }
    const own = series.kind === "own";
    const fill = series.hollow.map((hollow) => (hollow ? paint.card : tone));
    const marker = { symbol: series.symbol, size: own ? 15 : 11, color: own ? tone : fill,
      line: { color: tone, width: 2 } };
    const point = { ...base, mode: narrow() ? "markers" : "markers+text", marker, cliponaxis: false };
    if (series.labels.length) {
      // A text of the hover, and one beside the point: the hover's moves to customdata.
      Object.assign(point, { text: series.labels, textposition: series.places,
        customdata: series.hover, hovertemplate: "%{customdata}<extra></extra>",
        textfont: { color: paint.text, size: 12 } });
    }
    if (series.low.length) {
      point.error_y = { type: "data", symmetric: false, color: tone, thickness: 1.2, width: 0,
        array: series.high.map((high, i) => high - series.y[i]),
        arrayminus: series.low.map((low, i) => series.y[i] - low) };
    }
    return [point];
  }

  function band(series, tone) {
    const kept = series.x.map((_, i) => i)
      .filter((i) => series.low[i] !== null && series.high[i] !== null);
    const back = [...kept].reverse();
    return { x: [...kept, ...back].map((i) => series.x[i]),
      y: [...kept.map((i) => series.high[i]), ...back.map((i) => series.low[i])],
      mode: "lines", line: { width: 0, color: tone }, fill: "toself", fillcolor: faint(tone),
      hoverinfo: "skip", showlegend: false };
  }

  function axis(spec, paint, reach) {
    const made = { title: { text: spec.title, standoff: 10, font: { size: 12.5 } },
      type: spec.log ? "log" : "linear", color: paint.soft, gridcolor: paint.line, zeroline: false,
      linecolor: paint.line, fixedrange: true, automargin: true, ticks: "", separatethousands: true };
    if (spec.range) made.range = spec.range;
    if (reach) made.range = reach;
    if (spec.ticks) Object.assign(made, { tickmode: "array", tickvals: spec.ticks, ticktext: spec.texts });
    else if (spec.log) made.dtick = "D2";
    return made;
  }

  function draw(plot) {
    const box = document.getElementById(plot.id);
    if (box.closest("details.fold:not([open])")) return; // drawn when it is unfolded, at its width
    const chosen = [...document.querySelectorAll(`select[data-plot="${plot.id}"]`)];
    const view = plot.views[chosen.map((select) => select.value).join("|")];
    box.parentElement.querySelector(".empty").hidden = Boolean(view);
    box.hidden = !view;
    if (!view) return;
    box.setAttribute("aria-label", view.alt);
    const out = hidden[plot.group] || new Set();
    const paint = palette();
    const shown = view.series.filter((series) => !out.has(series.name));
    const layout = { height: plot.height, margin: { l: 8, r: 14, t: 14, b: 8 }, dragmode: false,
      hovermode: "closest", paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: paint.text },
      hoverlabel: { bgcolor: paint.card, bordercolor: paint.soft, align: "left",
        font: { color: paint.text, size: 13 } },
      xaxis: axis(view.x || plot.x, paint, view.x_range),
      yaxis: axis(view.y || plot.y, paint, null) };
    const options = { displayModeBar: false, responsive: true, doubleClick: false };
    Plotly.react(box, shown.flatMap((series) => traces(series, paint)), layout, options);
  }

  const drawAll = () => plots.forEach(draw);

  for (const select of document.querySelectorAll("select[data-plot]")) {
    select.addEventListener("change", () => draw(plots.find((plot) => plot.id === select.dataset.plot)));
  }
  for (const box of document.querySelectorAll("input[data-group]")) {
    const { group, model } = box.dataset;
    const update = () => {
      hidden[group] = hidden[group] || new Set();
      hidden[group][box.checked ? "delete" : "add"](model);
    };
    update();
    box.addEventListener("change", () => {
      update();
      plots.filter((plot) => plot.group === group).forEach(draw);
    });
  }

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const name = () => { button.textContent = isDark() ? "Light page" : "Dark page"; };
  // A page opened from a file may have no storage; the choice then lasts as long as the page.
  const stored = (action) => { try { return action(window.localStorage); } catch { return null; } };
  const before = stored((storage) => storage.getItem("spikesound-theme"));
  if (before === "dark" || before === "light") root.dataset.theme = before;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored((storage) => storage.setItem("spikesound-theme", root.dataset.theme));
    name();
    drawAll();
  });
  dark.addEventListener("change", () => { name(); drawAll(); });

  // A sound that starts silences the one before.
  const sounds = [...document.querySelectorAll("audio")];
  for (const sound of sounds) {
    sound.addEventListener("play", () => sounds.filter((other) => other !== sound).forEach((other) => other.pause()));
  }

  // Sections are folded: a link to one unfolds it, and paper shows them all.
  const folds = [...document.querySelectorAll("details.fold")];
  for (const fold of folds) {
    fold.addEventListener("toggle", () => {
      plots.filter((plot) => fold.contains(document.getElementById(plot.id))).forEach(draw);
    });
  }
  const unfold = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const fold = target && (target.closest("details.fold") || target.querySelector("details.fold"));
    if (fold) fold.open = true;
  };
  window.addEventListener("hashchange", unfold);
  window.addEventListener("beforeprint", () => folds.forEach((fold) => { fold.open = true; }));
  unfold();

  let wasNarrow = narrow();
  window.addEventListener("resize", () => {
    if (narrow() !== wasNarrow) { wasNarrow = narrow(); drawAll(); }
  });

  root.classList.add("js");
  name();
  drawAll();
})();
