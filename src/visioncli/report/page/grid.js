"use strict";
// The pictures in rows, of which only those in sight are in the page.

(() => {
  const grid = V.at("grid"), rows = V.at("rows");
  const WIDTHS = [108, 176, 264];
  const GAP = 14, MORE = 2; // rows above and below those in sight
  const { data } = V;
  const cards = new Map(); // picture -> its element
  // Frames have the shape that most pictures have.
  const shape = (() => {
    const { width, height } = data.pictures;
    const found = Array.from({ length: V.total }, (_, n) => height[n] / width[n]).filter((one) => one > 0).sort((a, b) => a - b);
    return Math.min(1, Math.max(0.6, found.length ? found[found.length >> 1] : 0.75));
  })();
  let columns = 1, cellWidth = 1, cellHeight = 1, pictureHeight = 1, focus = 0;

  const lines = () => Math.min(data.runs.length, 3) + 1;

  const measure = () => {
    const room = grid.clientWidth - 2 * pad();
    const wanted = WIDTHS[V.state.cellSize];
    columns = Math.max(V.state.cellSize === 0 ? 3 : V.state.cellSize === 1 ? 2 : 1, Math.floor((room + GAP) / (wanted + GAP)));
    cellWidth = Math.floor((room - GAP * (columns - 1)) / columns);
    pictureHeight = Math.round(cellWidth * shape);
    const small = V.state.cellSize === 0;
    const text = data.task === "caption" ? 17 * (small ? 2 : 3) * data.runs.length + 18 : 18 * (small ? lines() - 1 : lines());
    cellHeight = pictureHeight + text + 8;
    rows.style.height = `${Math.ceil(V.shown.length / columns) * (cellHeight + GAP) + 2 * pad()}px`;
  };

  const pad = () => (grid.clientWidth < 600 ? 10 : 20);

  V.fitted = (n, width, height) => {
    const [w, h] = [data.pictures.width[n] || 4, data.pictures.height[n] || 3];
    const scale = Math.min(width / w, height / h);
    return [Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale))];
  };

  const drawn = (card, n) => {
    const canvas = card.querySelector("canvas");
    if (!canvas) return;
    const [width, height] = V.fitted(n, cellWidth, pictureHeight);
    V.draw(canvas, n, width, height);
  };

  const reason = (n) => V.word(data.pictures.problem, n) || data.runs.map((_, run) => V.failure(run, n)).find(Boolean) || "";

  V.picture = (n, width, height) => {
    const source = V.thumb(n);
    const frame = V.el("div.frame");
    frame.style.height = `${height}px`;
    if (!source) return V.fill(frame, V.el("div.missing", {}, V.el("strong", {}, "No picture"), reason(n))) && frame;
    const [w, h] = V.fitted(n, width, height);
    const image = V.el("img", { src: source, alt: "", decoding: "async", draggable: false });
    if (data.pictures.width[n] && Math.max(data.pictures.width[n], data.pictures.height[n]) < 96) image.classList.add("pixels");
    const sheet = V.el("div.sheet", {}, image);
    sheet.style.width = `${w}px`;
    sheet.style.height = `${h}px`;
    if (V.hasOverlay) sheet.append(V.el("canvas"));
    frame.append(sheet);
    return frame;
  };

  const made = (n) => {
    const card = V.el("div.card", { role: "option", id: `card-${n}`, "data-picture": n });
    card.append(V.picture(n, cellWidth, pictureHeight));
    data.runs.forEach((_, run) => card.append(V.line(run, n)));
    if (data.task === "caption") card.classList.add("caption");
    card.append(V.foot(n));
    card.setAttribute("aria-label", V.described(n));
    card.classList.toggle("marked", V.isMarked(n));
    if (V.isMarked(n)) card.append(V.el("span.flag", { title: "marked" }, "×"));
    drawn(card, n);
    return card;
  };

  const place = (card, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    card.style.transform = `translate(${pad() + column * (cellWidth + GAP)}px, ${pad() + row * (cellHeight + GAP)}px)`;
    card.style.width = `${cellWidth}px`;
    card.style.height = `${cellHeight}px`;
    card.setAttribute("aria-posinset", at + 1);
    card.setAttribute("aria-setsize", V.shown.length);
    const here = at === focus;
    card.classList.toggle("here", here);
    card.setAttribute("aria-selected", here);
    if (here) grid.setAttribute("aria-activedescendant", card.id);
  };

  const paint = () => {
    const first = Math.max(0, Math.floor((grid.scrollTop - pad()) / (cellHeight + GAP)) - MORE);
    const last = Math.ceil((grid.scrollTop + grid.clientHeight) / (cellHeight + GAP)) + MORE;
    const wanted = new Map();
    for (let at = first * columns; at < Math.min(V.shown.length, last * columns); at++) wanted.set(V.shown[at], at);
    for (const [n, card] of cards) {
      if (wanted.has(n)) continue;
      card.remove();
      cards.delete(n);
    }
    for (const [n, at] of wanted) {
      let card = cards.get(n);
      if (!card) {
        card = made(n);
        cards.set(n, card);
        rows.append(card);
      }
      place(card, at);
    }
  };

  const empty = () => {
    V.at("nothing")?.remove();
    if (V.shown.length) return;
    const why = V.state.marked && !V.markCount() ? "Nothing is marked yet: x marks a picture." : "No picture meets all of these choices.";
    grid.append(V.el("div.empty", { id: "nothing" }, V.el("p", {}, why), V.el("button", { type: "button", onclick: V.reset }, "Show all pictures")));
  };

  // Everything anew: other pictures, other words, or another size.
  const show = ({ keepPlace = false } = {}) => {
    if (V.state.view !== "pictures") return;
    for (const card of cards.values()) card.remove();
    cards.clear();
    if (!keepPlace) {
      focus = 0;
      grid.scrollTop = 0;
    }
    focus = Math.min(focus, Math.max(0, V.shown.length - 1));
    measure();
    paint();
    empty();
  };

  const redraw = () => {
    for (const [n, card] of cards) drawn(card, n);
  };

  const intoSight = () => {
    const top = pad() + Math.floor(focus / columns) * (cellHeight + GAP);
    if (top < grid.scrollTop + 8) grid.scrollTop = top - pad();
    else if (top + cellHeight > grid.scrollTop + grid.clientHeight - 8) grid.scrollTop = top + cellHeight - grid.clientHeight + pad();
  };

  const go = (to) => {
    focus = Math.max(0, Math.min(V.shown.length - 1, to));
    intoSight();
    paint();
  };

  V.grid = {
    show,
    redraw: V.soon(redraw),
    remake: (n) => {
      for (const [other, card] of cards) {
        if (!V.samePicture(n, other)) continue;
        card.remove();
        cards.delete(other);
      }
      paint();
    },
    go,
    move: (by) => go(focus + by),
    rows: (by) => go(Math.max(0, Math.min(V.shown.length - 1, focus + by * columns))),
    page: (by) => V.grid.rows(by * Math.max(1, Math.floor(grid.clientHeight / (cellHeight + GAP)))),
    focused: () => V.shown[focus] ?? -1,
    goTo: (n) => {
      const at = V.shown.indexOf(n);
      if (at >= 0) go(at);
    },
    visible: () => cards.size,
  };

  grid.addEventListener("scroll", V.soon(paint), { passive: true });
  let size = "";
  new ResizeObserver(V.soon(() => {
    const now = `${grid.clientWidth} ${grid.clientHeight}`;
    if (size && now !== size) show({ keepPlace: true });
    size = now;
  })).observe(grid);
  rows.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (!card) return;
    V.grid.goTo(Number(card.dataset.picture));
    grid.focus({ preventScroll: true });
    V.change({ open: Number(card.dataset.picture) });
  });
})();
