"use strict";
// The keys, and the page that lists them.

(() => {
  const dialog = V.at("keys");
  const LIST = [
    ["← → ↑ ↓", "to another picture"],
    ["j  k", "the next, the one before"],
    ["Page ↓ ↑, Home, End", "further"],
    ["Enter", "open the picture; Escape closes it"],
    ["Space", "overlay on or off"],
    ["x", "mark, or take the mark away"],
    ["X", "mark all that are shown"],
    ["m", "only the marked ones"],
    ["1 … 5", "the tabs: all, wrong, right …"],
    ["/", "search"],
    ["p  n  f", "pictures, numbers, failures"],
    ["+  −", "larger or smaller thumbnails"],
    ["[  ]", "least score lower or higher"],
    ["0", "show all pictures"],
    ["t", "light or dark"],
    ["?", "this list"],
  ];

  V.help = () => {
    V.fill(dialog, V.el("header", {}, V.el("h2", {}, "Keys"), V.el("button.ghost", { type: "button", ariaLabel: "Close", onclick: () => dialog.close() }, "✕")),
      V.el("dl", {}, ...LIST.flatMap(([key, what]) => [V.el("dt", {}, ...key.split("  ").map((one) => V.el("kbd", {}, one))), V.el("dd", {}, what)])),
      V.el("p.muted", {}, "The address of this page holds what is chosen: copy it to send a view. Marks stay in this browser; Export makes a list of paths for vision … -"));
    if (!dialog.open) dialog.showModal();
  };

  const current = () => (V.state.open >= 0 ? V.state.open : V.grid.focused());

  const moves = {
    ArrowRight: () => V.grid.move(1),
    ArrowLeft: () => V.grid.move(-1),
    ArrowDown: () => V.grid.rows(1),
    ArrowUp: () => V.grid.rows(-1),
    j: () => V.grid.move(1),
    k: () => V.grid.move(-1),
    PageDown: () => V.grid.page(1),
    PageUp: () => V.grid.page(-1),
    Home: () => V.grid.go(0),
    End: () => V.grid.go(V.shown.length - 1),
    Enter: () => V.grid.focused() >= 0 && V.change({ open: V.grid.focused() }),
    X: V.markShown,
  };

  const inViewer = {
    ArrowRight: () => V.viewer.step(1),
    ArrowLeft: () => V.viewer.step(-1),
    ArrowDown: () => V.viewer.step(1),
    ArrowUp: () => V.viewer.step(-1),
    j: () => V.viewer.step(1),
    k: () => V.viewer.step(-1),
    Enter: () => V.change({ open: -1 }),
  };

  const sized = (by) => V.change({ cellSize: Math.max(0, Math.min(2, V.state.cellSize + by)) });
  const least = (by) => V.change({ least: Math.round(20 * Math.max(0, Math.min(1, V.state.least + by))) / 20 });

  const anywhere = {
    " ": () => V.change({ overlay: !V.state.overlay }),
    x: () => V.mark(current()),
    m: () => V.change({ marked: !V.state.marked, view: "pictures" }),
    "/": () => {
      V.openFilters();
      V.at("query").focus();
    },
    p: () => V.change({ view: "pictures" }),
    n: () => V.change({ view: "numbers" }),
    f: () => V.change({ view: "failures" }),
    "+": () => sized(1),
    "=": () => sized(1),
    "-": () => sized(-1),
    "[": () => least(-0.05),
    "]": () => least(0.05),
    0: V.reset,
    t: () => V.turnTheme(),
    "?": V.help,
  };

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    const { target, key } = event;
    if (target.matches("input, select, textarea")) {
      if (key === "Escape") V.at("grid").focus();
      return;
    }
    // Space and Enter are a button's own, where one is focused.
    const own = target.matches("button, a") && (key === " " || key === "Enter");
    const group = Object.keys(V.groups())[Number(key) - 1];
    let work = null;
    if (V.state.open >= 0) work = inViewer[key] ?? (["/", "p", "n", "f", "0"].includes(key) ? null : anywhere[key]);
    else if (/^[1-9]$/.test(key)) work = group ? () => V.change({ group, view: "pictures" }) : null;
    else work = (V.state.view === "pictures" && !target.matches("#numbers *") ? moves[key] : null) ?? anywhere[key];
    if (!work || own) return;
    event.preventDefault();
    work();
  });

  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  V.at("help").addEventListener("click", V.help);
})();
