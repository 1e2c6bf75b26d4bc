"use strict";
// What is shown, and the same as the part of the address behind #, so that a view can be sent.

(() => {
  const START = () => ({
    view: "pictures", // pictures, numbers, failures
    group: "all", // see select.js
    pair: 0,
    query: "",
    classes: new Set(), // codes; none chosen: all
    fates: new Set(), // what became of objects; none chosen: all
    folder: "", // with the / at its end
    sizes: new Set(),
    ranges: new Map(), // name of a number -> [from, to]
    cell: null, // a cell of the confusion table: [run, truth or -1, predicted or -1]
    marked: false,
    least: V.data.least, // objects below this score are not there
    sort: "order",
    down: true,
    overlay: true,
    opacity: 0.55,
    colour: V.judgesObjects ? "outcome" : "class",
    layers: new Set([...V.data.runs.map((_, n) => V.letter(n)), ...(V.judgesObjects || V.data.truth?.rows.mask ? ["truth"] : [])]),
    metric: "",
    cellSize: 1, // 0 small, 1 middle, 2 large
    open: -1, // the picture in the viewer
  });

  const known = new Map(V.data.classes.names.map((name, code) => [name, code]));
  const listed = (set) => [...set].join("~");
  const list = (text) => (text ? text.split("~") : []);
  const tilde = (text) => text.replaceAll("~", "∼");

  // Only what differs from the start is written.
  const toHash = (state) => {
    const start = START();
    const out = new URLSearchParams();
    const put = (name, value, usual) => {
      if (String(value) !== String(usual)) out.set(name, value);
    };
    for (const name of ["view", "group", "pair", "least", "sort", "opacity", "colour", "metric", "folder"]) {
      put(name, state[name], start[name]);
    }
    put("q", state.query, "");
    put("up", state.down ? "" : 1, "");
    put("bare", state.overlay ? "" : 1, "");
    put("marked", state.marked ? 1 : "", "");
    put("size", state.cellSize, start.cellSize);
    put("class", listed([...state.classes].map((code) => tilde(V.className(code)))), "");
    put("fate", listed(state.fates), "");
    put("mp", listed(state.sizes), "");
    put("layers", listed([...state.layers].sort()), listed([...start.layers].sort()));
    put("range", listed([...state.ranges].map(([name, ends]) => `${name}:${ends.join(":")}`)), "");
    if (state.cell) put("cell", state.cell.join(":"), "");
    if (state.open >= 0) {
      put("open", V.named(state.open), "");
      put("again", namesakes(V.named(state.open)).indexOf(state.open), 0);
    }
    return out.toString();
  };

  // Which of the pictures of its name it is: one that is near to two queries is there twice.
  const namesakes = (name) => Array.from({ length: V.total }, (_, n) => n).filter((n) => V.named(n) === name);

  const number = (text, usual) => (text !== null && Number.isFinite(Number(text)) ? Number(text) : usual);

  const fromHash = (hash) => {
    const state = START();
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    for (const name of ["view", "group", "sort", "colour", "metric", "folder"]) {
      if (given.has(name)) state[name] = given.get(name);
    }
    if (!["pictures", "numbers", "failures"].includes(state.view)) state.view = "pictures";
    state.query = given.get("q") ?? "";
    state.down = !given.has("up");
    state.overlay = !given.has("bare");
    state.marked = given.has("marked");
    state.pair = Math.min(Math.max(0, number(given.get("pair"), 0)), Math.max(0, V.data.pairs.length - 1));
    state.least = number(given.get("least"), state.least);
    state.opacity = Math.min(1, Math.max(0, number(given.get("opacity"), state.opacity)));
    state.cellSize = Math.min(2, Math.max(0, Math.round(number(given.get("size"), 1))));
    const names = list(given.get("class"));
    const byTilde = new Map([...known].map(([name, code]) => [tilde(name), code]));
    state.classes = new Set(names.map((name) => byTilde.get(name)).filter((code) => code !== undefined));
    state.fates = new Set(list(given.get("fate")));
    state.sizes = new Set(list(given.get("mp")));
    if (given.has("layers")) state.layers = new Set(list(given.get("layers")));
    for (const part of list(given.get("range"))) {
      const [name, low, high] = part.split(":");
      if (Number.isFinite(Number(low)) && Number.isFinite(Number(high))) {
        state.ranges.set(name, [Number(low), Number(high)]);
      }
    }
    const cell = (given.get("cell") ?? "").split(":").map(Number);
    if (cell.length === 3 && cell.every(Number.isInteger) && V.data.runs[cell[0]]) state.cell = cell;
    if (given.has("open")) {
      const found = namesakes(given.get("open"));
      state.open = found[number(given.get("again"), 0)] ?? found[0] ?? -1;
    }
    return state;
  };

  V.state = fromHash(location.hash);
  const listeners = [];
  V.onChange = (work) => listeners.push(work);

  let written = location.hash.replace(/^#/, "");
  const tell = (changed) => listeners.forEach((work) => work(changed));

  // Takes new values, writes the address, and has everything drawn that rests on them.
  V.change = (values) => {
    Object.assign(V.state, values);
    written = toHash(V.state);
    try {
      history.replaceState(null, "", `#${written}`);
    } catch {
      location.hash = written;
    }
    tell(new Set(Object.keys(values)));
  };

  V.reset = () => {
    const { view, least, sort, down, overlay, opacity, colour, layers, cellSize, pair, metric } = V.state;
    V.change({ ...START(), view, least, sort, down, overlay, opacity, colour, layers, cellSize, pair, metric });
  };

  addEventListener("hashchange", () => {
    const now = location.hash.replace(/^#/, "");
    if (decodeURIComponent(now) === decodeURIComponent(written)) return;
    written = now;
    V.state = fromHash(location.hash);
    tell(new Set(Object.keys(V.state)));
  });

  V.toggled = (set, value) => {
    const next = new Set(set);
    if (!next.delete(value)) next.add(value);
    return next;
  };
})();
