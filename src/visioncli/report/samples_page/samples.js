"use strict";
// What networks made on the way, one sheet a look, all from the same noise. Text only ever becomes textContent.

(() => {
  const data = VISION_REPORT;
  const at = (id) => document.getElementById(id);
  const el = (tag, text = "", ...children) => {
    const node = document.createElement(tag);
    node.textContent = text;
    node.append(...children);
    return node;
  };
  const looks = Math.max(...data.runs.map((run) => run.looks.length));
  const slider = at("look");
  const shown = (value) => (Number.isInteger(value) ? String(value) : Math.abs(value) < 10 ? value.toFixed(3) : value.toFixed(1));

  // A line over all looks of one number, and a mark where the slider stands.
  const chart = (run, name) => {
    const values = run.looks.map((look) => look.numbers[name] ?? null);
    const known = values.filter((value) => value !== null);
    if (known.length < 2) return null;
    const low = Math.min(...known), high = Math.max(...known);
    const x = (n) => (100 * n) / Math.max(1, values.length - 1);
    const y = (value) => 38 - (36 * (value - low)) / (high - low || 1);
    const make = (tag, attributes) => {
      const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      return node;
    };
    const svg = make("svg", { viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img", "aria-label": `${name}: ${shown(low)} to ${shown(high)}` });
    let path = "", broken = true;
    values.forEach((value, n) => {
      if (value === null) { broken = true; return; }
      path += `${broken ? "M" : "L"}${x(n)} ${y(value)}`;
      broken = false;
    });
    const mark = make("line", { y1: 0, y2: 40 });
    svg.append(make("path", { d: path }), mark);
    const figure = el("figure", "", el("figcaption", `${name}, ${shown(low)} to ${shown(high)}`), svg);
    return { figure, move: (n) => { mark.setAttribute("x1", x(n)); mark.setAttribute("x2", x(n)); } };
  };

  const runs = data.runs.map((run) => {
    const image = document.createElement("img");
    const numbers = el("dl");
    const names = [...new Set(run.looks.flatMap((look) => Object.keys(look.numbers)))];
    const charts = names.map((name) => chart(run, name)).filter((one) => one !== null);
    at("runs").append(el("section", "", el("h2", run.name), image, numbers, ...charts.map((one) => one.figure)));
    return (n) => {
      const place = Math.min(n, run.looks.length - 1);
      const look = run.looks[place];
      image.src = look.file;
      image.alt = `What ${run.name} made after ${look.step} steps`;
      numbers.replaceChildren(...["epoch", "step"].flatMap((name) => [el("dt", name), el("dd", shown(look[name]))]),
        ...Object.entries(look.numbers).flatMap(([name, value]) => [el("dt", name), el("dd", value === null ? "–" : shown(value))]));
      for (const one of charts) one.move(place);
    };
  });

  // Which look is shown stands in the address, so that a link shows the same.
  const show = (n) => {
    slider.value = n;
    for (const run of runs) run(n);
    const first = data.runs[0].looks[Math.min(n, data.runs[0].looks.length - 1)];
    at("epoch").textContent = `epoch ${shown(first.epoch)}`;
    slider.setAttribute("aria-valuetext", at("epoch").textContent);
    history.replaceState(null, "", `#look=${n}`);
  };
  const asked = () => {
    const n = Number(new URLSearchParams(location.hash.slice(1)).get("look") ?? NaN);
    return Number.isInteger(n) && n >= 0 && n < looks ? n : looks - 1;
  };

  let playing = 0;
  const play = () => {
    clearInterval(playing);
    const stopped = at("play").textContent !== "▶";
    at("play").textContent = stopped ? "▶" : "❚❚";
    at("play").setAttribute("aria-label", stopped ? "Play" : "Pause");
    if (stopped) return;
    if (Number(slider.value) === looks - 1) show(0);
    playing = setInterval(() => (Number(slider.value) < looks - 1 ? show(Number(slider.value) + 1) : play()), 400);
  };

  document.title = `${data.title} · vision report`;
  at("title").textContent = data.title;
  at("about").textContent = data.about;
  slider.max = looks - 1;
  slider.addEventListener("input", () => show(Number(slider.value)));
  at("play").addEventListener("click", play);
  addEventListener("keydown", (event) => {
    if (event.key === " " && event.target === document.body) { event.preventDefault(); play(); }
  });
  addEventListener("hashchange", () => show(asked()));
  show(asked());
  document.body.dataset.ready = "yes";
})();
