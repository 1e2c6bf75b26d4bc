"use strict";
// The choices at the side: each says how many pictures it would show.

(() => {
  const side = V.at("side");
  const { data } = V;
  const FEW = 12;
  let every = false, find = "";

  const section = (title, ...children) => V.el("section", {}, V.el("h2", {}, title), ...children);

  const choice = ({ on, count, label, title, colour, press, key }) => {
    const swatch = colour ? V.el("i.swatch") : null;
    if (swatch) swatch.style.background = colour;
    return V.el("button.choice", { type: "button", ariaPressed: on, title: title ?? label, onclick: press, "data-key": key, disabled: !count && !on },
      swatch, V.el("span.words", {}, label), V.el("span.number", {}, V.count(count)));
  };

  const slider = (id, label, value, show, change) => {
    const out = V.el("output", { htmlFor: id }, show(value));
    const input = V.el("input", { type: "range", id, min: 0, max: 1, step: 0.01, value });
    input.addEventListener("input", () => {
      out.textContent = show(Number(input.value));
      change(Number(input.value));
    });
    return V.el("div.slider", {}, V.el("label", { htmlFor: id }, label), out, input);
  };

  const search = () => {
    const input = V.el("input", { type: "search", id: "query", placeholder: data.task === "caption" ? "Name or words (/)" : "Name (/)", value: V.state.query, ariaLabel: "Search by name", spellcheck: false, autocomplete: "off" });
    input.addEventListener("input", () => V.change({ query: input.value }));
    return V.el("section.search", {}, input);
  };

  const soon = (make) => {
    let next = null;
    const run = V.soon(() => V.change(next));
    return (value) => {
      next = make(value);
      run();
    };
  };

  const drawing = () => {
    if (!V.hasOverlay && !data.runs[0].objects.heat) return null;
    const scores = data.task !== "gradcam" && data.runs.some((run) => run.objects.score);
    const fills = data.runs.some((run) => run.objects.mask || run.objects.heat);
    const parts = [];
    if (scores) parts.push(slider("least", "Objects from score", V.state.least, V.score, soon((least) => ({ least }))));
    if (fills) parts.push(slider("opacity", "Opacity", V.state.opacity, (v) => V.percent(v, 0), soon((opacity) => ({ opacity }))));
    const layers = [...data.runs.map((run, n) => [V.letter(n), data.runs.length > 1 ? `${V.letter(n)} ${run.name}` : "Answers"])];
    if (V.judgesObjects || V.truth?.rows.mask) layers.push(["truth", "Truth"]);
    if (layers.length > 1) {
      parts.push(V.el("div.checks", {}, ...layers.map(([name, label]) => {
        const input = V.el("input", { type: "checkbox", checked: V.state.layers.has(name) });
        input.addEventListener("change", () => V.change({ layers: V.toggled(V.state.layers, name) }));
        return V.el("label", { title: label }, input, V.el("span", {}, label));
      })));
    }
    if (V.judgesObjects) {
      const select = V.el("select", { id: "colour" }, ...[["outcome", "Colour: what became of it"], ["class", "Colour: class"]].map(([value, label]) => V.el("option", { value, selected: V.state.colour === value }, label)));
      select.addEventListener("change", () => V.change({ colour: select.value }));
      parts.push(select);
    }
    return parts.length ? section("Drawing", ...parts) : null;
  };

  const outcomes = () => {
    if (!V.judgesObjects) return null;
    const order = ["missed", "6", "3", "4", "5", "1"];
    const counts = Object.fromEntries(order.map((fate) => [fate, 0]));
    const bits = order.map(V.fateBit);
    for (let n = 0; n < V.total; n++) {
      if (V.meets(n, V.BIT.FATE)) order.forEach((fate, k) => (counts[fate] += V.fateBits[n] & bits[k] ? 1 : 0));
    }
    return section("What became of objects", V.el("div.choices", {}, ...order.map((fate) => choice({
      on: V.state.fates.has(fate),
      count: counts[fate],
      label: V.FATES[fate],
      colour: V.fateColour(fate),
      key: `fate ${fate}`,
      press: () => V.change({ fates: V.toggled(V.state.fates, fate) }),
    }))));
  };

  const classes = () => {
    const counts = V.classCounts(V.BIT.CLASS);
    const wanted = find.trim().toLowerCase();
    const codes = [...counts.keys()]
      .filter((code) => (counts[code] || V.state.classes.has(code)) && V.className(code).toLowerCase().includes(wanted))
      .sort((a, b) => Number(V.state.classes.has(b)) - Number(V.state.classes.has(a)) || counts[b] - counts[a] || a - b);
    const most = every ? 400 : FEW;
    const list = V.el("div.choices", {}, ...codes.slice(0, most).map((code) => choice({
      on: V.state.classes.has(code),
      count: counts[code],
      label: V.className(code),
      colour: V.hasObjects ? V.classColour(code) : "",
      key: `class ${code}`,
      press: () => V.change({ classes: V.toggled(V.state.classes, code) }),
    })));
    const parts = [list];
    if (data.classes.names.length > FEW) {
      const input = V.el("input", { type: "search", id: "class-find", placeholder: "Find a class", value: find, ariaLabel: "Find a class", autocomplete: "off" });
      input.addEventListener("input", () => {
        find = input.value;
        update();
      });
      parts.unshift(input);
    }
    if (codes.length > FEW) {
      parts.push(V.el("button.link", { type: "button", onclick: () => { every = !every; update(); } }, every ? "Fewer" : `All ${V.count(codes.length)}`));
    }
    const title = data.classes.title ?? (V.truth ? "Class, said or true" : "Class");
    return codes.length || wanted ? section(title, ...parts) : null;
  };

  const ranges = () => {
    const names = Object.keys(V.METRICS);
    const metric = V.METRICS[V.state.metric] ? V.state.metric : names[0];
    const select = V.el("select", { id: "metric", ariaLabel: "Number" }, ...names.map((name) => V.el("option", { value: name, selected: name === metric }, V.METRICS[name].label + (V.state.ranges.has(name) ? " •" : ""))));
    select.addEventListener("change", () => V.change({ metric: select.value }));
    const values = [];
    for (let n = 0; n < V.total; n++) if (V.meets(n, V.BIT.RANGE)) values.push(n);
    const drawn = V.histogram(metric, values, { width: 232, height: 62 });
    const parts = [select, drawn];
    const chosen = V.state.ranges.get(metric);
    if (chosen) {
      const clear = () => {
        const next = new Map(V.state.ranges);
        next.delete(metric);
        V.change({ ranges: next });
      };
      parts.push(V.el("button.link", { type: "button", onclick: clear }, `${V.rangeText(metric)} — any`));
    }
    return section("Range", ...parts);
  };

  const folders = () => {
    const { words, codes } = data.pictures.folder;
    if (words.length < 2) return null;
    const counts = new Uint32Array(words.length);
    for (let n = 0; n < V.total; n++) if (V.meets(n, V.BIT.FOLDER)) counts[codes[n]]++;
    // A folder counts for those above it; each is shown below what all have in common.
    const sums = new Map();
    words.forEach((word, code) => {
      let at = word.indexOf("/") + 1;
      for (; at > 0; at = word.indexOf("/", at) + 1) sums.set(word.slice(0, at), (sums.get(word.slice(0, at)) ?? 0) + counts[code]);
    });
    const list = [...sums.keys()].sort();
    const shared = list.filter((name) => words.every((word) => word.startsWith(name))).pop() ?? "";
    const names = list.filter((name) => name.length > shared.length).slice(0, 60);
    if (!names.length) return null;
    return section("Folder", V.el("div.choices", {}, ...names.map((name) => choice({
      on: V.state.folder === name,
      count: sums.get(name),
      label: name.slice(shared.length),
      title: name,
      key: `folder ${name}`,
      press: () => V.change({ folder: V.state.folder === name ? "" : name }),
    }))));
  };

  const sizes = () => {
    const counts = {};
    for (let n = 0; n < V.total; n++) if (V.meets(n, V.BIT.SIZE)) counts[V.sizeOf(n)] = (counts[V.sizeOf(n)] ?? 0) + 1;
    const there = Object.keys(V.SIZES).filter((name) => counts[name] || V.state.sizes.has(name));
    if (there.length < 2) return null;
    return section("Size of the picture", V.el("div.choices", {}, ...there.map((name) => choice({
      on: V.state.sizes.has(name),
      count: counts[name] ?? 0,
      label: V.SIZES[name],
      key: `size ${name}`,
      press: () => V.change({ sizes: V.toggled(V.state.sizes, name) }),
    }))));
  };

  // What was focused stays focused, although everything is made anew.
  const update = () => {
    const focused = document.activeElement;
    const key = side.contains(focused) ? focused.id || focused.dataset.key : "";
    const caret = focused instanceof HTMLInputElement && focused.type === "search" ? focused.selectionStart : null;
    if (focused?.type === "range" && side.contains(focused)) {
      // A slider that is being moved must stay the same element.
      for (const [id, make] of parts) if (id !== "drawing") V.fill(V.at(`facet-${id}`), make());
      return;
    }
    V.fill(side, ...parts.map(([id, make]) => V.el("div", { id: `facet-${id}` }, make())));
    if (!key) return;
    const again = [...side.querySelectorAll("button, input, select")].find((node) => (node.id || node.dataset.key) === key);
    again?.focus({ preventScroll: true });
    if (caret !== null && again) again.setSelectionRange(caret, caret);
  };

  const parts = [
    ["search", search],
    ["drawing", drawing],
    ["outcomes", outcomes],
    ["classes", classes],
    ["ranges", ranges],
    ["folders", folders],
    ["sizes", sizes],
  ];
  // The pictures come first: counts follow when they are drawn.
  let waiting = false;
  V.facets = {
    update,
    later: () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => setTimeout(() => {
        waiting = false;
        update();
      }));
    },
  };
})();
