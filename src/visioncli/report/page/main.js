"use strict";
// Puts the page together, and draws what a change rests on.

(() => {
  const { data } = V;
  const root = document.documentElement;

  // Light and dark: as the system has it, until somebody chooses.
  const THEME = "vision-report theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const themed = () => {
    V.at("theme").textContent = dark() ? "☀" : "☾";
  };
  V.turnTheme = () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try {
      localStorage.setItem(THEME, root.dataset.theme);
    } catch {
      // Some browsers keep nothing for files.
    }
    themed();
  };
  try {
    const kept = localStorage.getItem(THEME);
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch {
    // As above.
  }
  V.at("theme").addEventListener("click", V.turnTheme);
  system.addEventListener("change", themed);

  // On a narrow page the filters are folded away.
  V.openFilters = (open = true) => {
    document.body.classList.toggle("filtering", open);
    V.at("filters").setAttribute("aria-expanded", open);
  };
  V.at("filters").addEventListener("click", () => V.openFilters(!document.body.classList.contains("filtering")));

  const head = () => {
    document.title = `${data.title} · vision report`;
    V.at("title").textContent = data.title;
    const runs = data.runs.map((run, n) => [data.runs.length > 1 ? V.el("span.run", {}, V.letter(n)) : null, data.runs.length > 1 ? `${run.name} ` : "", V.el("span.model", {}, run.model)]);
    const truth = V.truth ? [" · truth: ", V.el("span", {}, V.truth.source)] : [];
    V.fill(V.at("about"), `vision ${data.task} · `, ...runs.flatMap((run, n) => (n ? [" · ", ...run] : run)), ...truth);
  };

  // Failures, one a line, with every sentence.
  V.failed = [];
  for (let n = 0; n < V.total; n++) {
    data.runs.forEach((_, run) => {
      if (V.hasFailed(run, n)) V.failed.push({ n, run, kind: V.word(data.runs[run].errorKind, n), text: V.failure(run, n) });
    });
    const problem = V.word(data.pictures.problem, n);
    if (problem && !data.runs.some((_, run) => V.hasFailed(run, n))) V.failed.push({ n, run: -1, kind: "not_shown", text: problem });
  }

  const failures = () => {
    const place = V.at("failures");
    if (!V.failed.length) return V.fill(place, V.el("div.empty", {}, V.el("p", {}, "Nothing failed: every run has an answer to each of its pictures.")));
    const kinds = new Map();
    for (const one of V.failed) kinds.set(one.kind, [...(kinds.get(one.kind) ?? []), one]);
    const named = (kind) => kind.replaceAll("_", " ");
    V.fill(place, V.el("div.sheet-of", {},
      V.el("h2", {}, V.counted(V.failed.length, "failure")),
      V.el("p.muted", {}, [...kinds].map(([kind, list]) => `${named(kind)} ${V.count(list.length)}`).join(" · ")),
      ...[...kinds].sort((a, b) => b[1].length - a[1].length).map(([kind, list]) => V.el("section", {},
        V.el("h3", {}, named(kind), V.el("span.number", {}, V.count(list.length))),
        V.el("ul.failures", {}, ...list.map(({ n, run, text }) => V.el("li", {},
          V.el("button.link", { type: "button", title: "Open", onclick: () => V.change({ open: n }) }, V.named(n)),
          run >= 0 && data.runs.length > 1 ? V.el("span.run", { title: data.runs[run].name }, V.letter(run)) : null,
          V.el("span", {}, text))))))));
  };

  const show = () => {
    const { view } = V.state;
    document.body.dataset.view = view;
    for (const name of ["grid", "numbers", "failures"]) V.at(name).hidden = name !== (view === "pictures" ? "grid" : view);
    if (view === "numbers") V.numbers.show();
    if (view === "failures") failures();
  };

  // What a change of each value calls for: [measure anew, choose anew, only put in order, only draw].
  const CHOICE = ["group", "pair", "query", "classes", "fates", "folder", "sizes", "ranges", "cell", "marked"];
  const ORDER = ["sort", "down"];
  const DRAWING = ["overlay", "opacity", "colour", "layers"];

  V.onChange((changed) => {
    const has = (...names) => names.some((name) => changed.has(name));
    if (has("least", "classes", "pair")) V.measure();
    if (has("least", ...CHOICE)) V.refresh();
    else if (has(...ORDER)) V.reorder();
    if (has("view")) show();
    if (has("least", "view", ...CHOICE, ...ORDER, "cellSize")) {
      V.bar.update();
      V.grid.show({ keepPlace: has("least", "cellSize") && !has(...CHOICE, ...ORDER) });
      if (!has("view", ...CHOICE, "least") && V.state.view === "numbers") V.numbers.show();
    }
    if (has("least", "metric", ...CHOICE, "layers", "colour")) V.facets.later();
    if (V.state.view === "numbers" && has("least", ...CHOICE)) V.numbers.show();
    if (has(...DRAWING)) V.grid.redraw();
    if (has("open")) V.viewer.update();
    else if (has("least", ...DRAWING)) V.viewer.redraw();
  });

  V.markChanged = (n) => {
    if (V.state.marked) {
      V.refresh();
      V.grid.show({ keepPlace: true });
    } else V.grid.remake(n);
    V.bar.update();
    V.viewer.redraw();
  };

  // On paper the pictures that are shown stand one after the other, up to so many.
  const ON_PAPER = 600;
  addEventListener("beforeprint", () => {
    const list = V.shown.slice(0, ON_PAPER);
    const more = V.shown.length > list.length ? V.el("p", {}, `The first ${V.count(list.length)} of ${V.counted(V.shown.length, "picture")}.`) : null;
    V.fill(V.at("print"), more, ...(V.state.view === "pictures" ? list : []).map((n) => {
      const card = V.el("div.card", {}, V.picture(n, 150, 112));
      const canvas = card.querySelector("canvas");
      if (canvas) V.draw(canvas, n, ...V.fitted(n, 150, 112));
      data.runs.forEach((_, run) => card.append(V.line(run, n)));
      card.append(V.foot(n));
      return card;
    }));
  });
  addEventListener("afterprint", () => V.fill(V.at("print")));

  head();
  themed();
  V.measure();
  V.refresh();
  V.bar.update();
  V.facets.update();
  show();
  V.grid.show();
  if (V.state.open >= 0) V.viewer.update();
  document.body.dataset.ready = "yes";
})();
