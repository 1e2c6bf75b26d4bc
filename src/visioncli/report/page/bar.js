"use strict";
// Above the pictures: tabs of right and wrong, what is chosen, the order, marks; and the views at the top of the page.

(() => {
  const { data } = V;

  const views = () => {
    const failed = V.failed.length;
    const items = [["pictures", "Pictures", V.total], ["numbers", "Numbers", null], ["failures", "Failures", failed]];
    V.fill(V.at("views"), items.map(([name, label, count]) => V.el("button.view", {
      type: "button",
      ariaCurrent: V.state.view === name ? "page" : "false",
      onclick: () => V.change({ view: name }),
    }, label, " ", count === null ? null : V.el("span.number", {}, V.count(count)))));
  };

  const tabs = () => {
    const groups = V.groups();
    const names = Object.keys(groups);
    if (names.length < 2) return null;
    const counts = V.groupCounts(groups);
    return V.el("div.tabs", { role: "group", ariaLabel: "Outcome" }, ...names.map((name) => V.el("button", {
      type: "button",
      ariaPressed: V.state.group === name,
      "data-group": name,
      title: groups[name].title ?? "",
      onclick: () => V.change({ group: name }),
    }, groups[name].label, " ", V.el("span.number", {}, V.count(counts[name])))));
  };

  const pair = () => {
    if (data.pairs.length < 2) return null;
    const select = V.el("select", { id: "pair", ariaLabel: "Which runs are compared" }, ...data.pairs.map(({ first, second }, n) => V.el("option", { value: n, selected: V.state.pair === n }, `${V.letter(first)} with ${V.letter(second)}`)));
    select.addEventListener("change", () => V.change({ pair: Number(select.value) }));
    return select;
  };

  V.rangeText = (name) => {
    const [low, high] = V.state.ranges.get(name);
    const { label, whole } = V.METRICS[name];
    const shown = (value) => (whole ? V.count(Math.round(value)) : String(Number(value.toPrecision(3))));
    if (whole && Math.ceil(low) === Math.floor(high)) return `${label} ${Math.ceil(low)}`;
    return `${label} ${shown(low)} to ${shown(high)}`;
  };

  const cellText = ([run, truly, predicted]) => {
    const truth = truly < 0 ? "nothing there" : V.className(truly);
    const said = predicted < 0 ? "missed" : V.className(predicted);
    return `${data.runs.length > 1 ? `${V.letter(run)}: ` : ""}${truth} → ${said}`;
  };

  const chips = () => {
    const { state } = V;
    const chip = (text, values) => V.el("button.chip", { type: "button", title: "No longer ask for this", onclick: () => V.change(values) }, text, V.el("span", { ariaHidden: true }, " ✕"));
    const found = [];
    if (state.query) found.push(chip(`“${state.query}”`, { query: "" }));
    for (const code of state.classes) found.push(chip(V.className(code), { classes: V.toggled(state.classes, code) }));
    for (const fate of state.fates) if (V.FATES[fate]) found.push(chip(V.FATES[fate], { fates: V.toggled(state.fates, fate) }));
    if (state.folder) found.push(chip(state.folder, { folder: "" }));
    for (const size of state.sizes) if (V.SIZES[size]) found.push(chip(V.SIZES[size], { sizes: V.toggled(state.sizes, size) }));
    for (const name of state.ranges.keys()) {
      if (!V.METRICS[name]) continue;
      const next = new Map(state.ranges);
      next.delete(name);
      found.push(chip(V.rangeText(name), { ranges: next }));
    }
    if (state.cell) found.push(chip(cellText(state.cell), { cell: null }));
    if (state.marked) found.push(chip("marked", { marked: false }));
    if (found.length > 1) found.push(V.el("button.link", { type: "button", onclick: V.reset }, "Show all"));
    return found.length ? V.el("div.chips", {}, ...found) : null;
  };

  const sorting = () => {
    const orders = [["order", "as they came"], ["name", "name"], ...Object.entries(V.METRICS).map(([name, { label }]) => [name, label])];
    const select = V.el("select", { id: "sort", ariaLabel: "Order" }, ...orders.map(([value, label]) => V.el("option", { value, selected: V.state.sort === value }, label)));
    select.addEventListener("change", () => V.change({ sort: select.value, down: !["score", "margin", "iou"].includes(select.value) }));
    const turn = V.el("button.ghost", { type: "button", id: "turn", title: V.state.down ? "Largest first" : "Smallest first", ariaLabel: "Turn the order round", onclick: () => V.change({ down: !V.state.down }) }, V.state.down ? "↓" : "↑");
    return V.el("span.sorting", {}, V.el("label.muted", { htmlFor: "sort" }, "Order"), select, turn);
  };

  const sizes = () => V.el("span.sizes", { role: "group", ariaLabel: "Size of the thumbnails" }, ...["S", "M", "L"].map((label, n) => V.el("button.ghost", { type: "button", ariaPressed: V.state.cellSize === n, title: ["Small", "Middle", "Large"][n], onclick: () => V.change({ cellSize: n }) }, label)));

  const marks = () => {
    const count = V.markCount();
    if (!count) return null;
    return V.el("span.marks", {},
      V.el("button.ghost", { type: "button", ariaPressed: V.state.marked, title: "Show only these", onclick: () => V.change({ marked: !V.state.marked }) }, `${V.count(count)} marked`),
      V.el("button", { type: "button", id: "export", title: "A list of paths, for: vision … - < marked.txt", onclick: V.exportMarks }, "Export"),
      V.el("button.ghost", { type: "button", id: "copy", onclick: V.copyMarks }, "Copy"),
      V.el("button.ghost", { type: "button", title: "Forget the marks", ariaLabel: "Forget the marks", onclick: V.clearMarks }, "✕"));
  };

  // The paired test of the two runs that are compared.
  const sentence = () => {
    const [first, second] = V.compared();
    const found = V.truth?.comparisons.find((one) => one.first === first && one.second === second);
    if (!found) return null;
    return V.el("p.verdict-of", {}, found.sentence, " ", V.el("button.link", { type: "button", onclick: () => V.change({ view: "numbers" }) }, "All numbers"));
  };

  const update = () => {
    views();
    const pictures = V.state.view === "pictures";
    const focused = document.activeElement?.id;
    const count = V.shown.length === V.total ? "" : `${V.count(V.shown.length)} of ${V.counted(V.total, "picture")}`;
    const group = document.activeElement?.dataset?.group;
    V.fill(V.at("bar"), pictures ? [
      V.el("div.first", {}, tabs(), pair(), V.el("span.count.muted", { id: "count" }, count), V.el("span.gap"), marks(), sorting(), sizes()),
      sentence(),
      chips(),
    ] : []);
    if (["sort", "turn", "pair", "copy"].includes(focused)) V.at(focused)?.focus({ preventScroll: true });
    if (group) document.querySelector(`[data-group="${group}"]`)?.focus({ preventScroll: true });
  };

  V.bar = { update };
})();
