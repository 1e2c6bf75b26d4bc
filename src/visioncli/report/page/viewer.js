"use strict";
// One picture, as large as there is room for, and everything that is known of it.

(() => {
  const dialog = V.at("viewer");
  const { data } = V;
  let shown = -1, canvas = null, size = [0, 0];

  const fact = (name, ...values) => [V.el("dt", {}, name), V.el("dd", {}, ...values)];

  const bar = (value) => {
    const fill = V.el("i");
    fill.style.width = `${Math.round(100 * Math.min(1, value))}%`;
    return V.el("span.bar", {}, fill);
  };

  const swatch = (colour) => {
    const box = V.el("i.swatch");
    box.style.background = colour;
    return box;
  };

  // The predictions of a run, the likeliest first.
  const answers = (run, n) => {
    const { objects, fate, iou, about } = data.runs[run];
    const truths = new Set(V.truthOf(n));
    const list = V.el("ol.answers");
    const judged = V.truth && ["classes", "labels"].includes(V.truth.kind);
    for (let row = objects.start[n]; row < objects.start[n + 1]; row++) {
      const name = V.className(objects.label[row]);
      const item = V.el("li", {}, !V.hasObjects ? null : swatch(fate && fate[row] && V.state.colour === "outcome" ? V.fateColour(fate[row]) : V.classColour(objects.label[row])), V.el("span.name", {}, name));
      if (judged && truths.has(name)) item.append(V.el("span.sign.right", { title: "the truth" }, "✓"));
      if (objects.score && !Number.isNaN(objects.score[row])) {
        if (data.task === "classify") item.append(bar(objects.score[row]));
        item.append(V.el("span.number", {}, V.score(objects.score[row])));
      }
      if (objects.share) item.append(V.el("span.number", { title: "share of the picture" }, V.percent(objects.share[row])));
      if (fate && fate[row]) {
        const other = about[row] >= 0 && fate[row] === V.FATE.OTHER_CLASS ? ` (${V.className(V.truth.rows.label[about[row]])})` : "";
        const overlap = Number.isNaN(iou[row]) || !iou[row] ? "" : `, ${V.truth.kind === "keypoints" ? "OKS" : "IoU"} ${V.score(iou[row])}`;
        item.append(V.el("small", {}, (fate[row] === V.FATE.VOID ? "does not count" : V.FATES[fate[row]]) + other + overlap));
      }
      if (objects.method) {
        const energy = objects.energy ? `, ${V.percent(objects.energy[row], 0)} of the heat in the box` : "";
        item.append(V.el("small", {}, V.word(objects.method, row) + energy));
      }
      if (!V.shownAt(run, row)) item.classList.add("below");
      list.append(item);
    }
    return list;
  };

  const missed = (run, n) => {
    const { rows } = V.truth;
    const counts = new Map();
    for (let row = rows.start[n]; row < rows.start[n + 1]; row++) {
      if (!rows.counted[row] || V.finder(run, row) >= 0) continue;
      const name = V.className(rows.label[row]);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return [...counts].map(([name, times]) => (times > 1 ? `${name} ${times}` : name));
  };

  const ofRun = (run, n) => {
    const { name, model, objects, loss, margin } = data.runs[run];
    const head = V.el("h3", {}, data.runs.length > 1 ? V.el("span.run", {}, V.letter(run)) : null, name, model && model !== name ? V.el("span.muted", {}, ` ${model}`) : null);
    const part = V.el("section", {}, head);
    if (V.hasFailed(run, n)) return part.append(V.el("p.failed", {}, V.failure(run, n))), part;
    if (!V.isOk(run, n)) return part.append(V.el("p.muted", {}, "Not in this run.")), part;
    const { verdict, overlap } = V.outcome[run];
    if (verdict[n]) {
      const says = verdict[n] === V.RIGHT ? "right" : "wrong";
      const more = V.truth.kind === "maps" || V.judgesObjects ? ` · ${V.truth.kind === "keypoints" ? "OKS" : "IoU"} ${V.score(overlap[n])}` : loss && !Number.isNaN(loss[n]) ? ` · loss ${loss[n].toFixed(2)} · margin ${V.score(margin[n])}` : "";
      part.append(V.el("p.verdict", {}, V.sign(verdict[n]), ` ${says}`, V.el("span.muted", {}, more)));
    }
    if (objects.text) part.append(...objects.text[n].map((text) => V.el("p.said", {}, text)));
    if (objects.start[n] === objects.start[n + 1] && !objects.text) part.append(V.el("p.muted", {}, "Nothing found."));
    part.append(answers(run, n));
    if (V.judgesObjects) {
      const names = missed(run, n);
      if (names.length) part.append(V.el("p.missed", {}, swatch(V.fateColour("missed")), `missed: ${names.join(", ")}`));
    }
    return part;
  };

  const facts = (n) => {
    const { width, height } = data.pictures;
    const list = V.el("dl");
    if (V.truth && ["classes", "labels"].includes(V.truth.kind) && V.truth.rows.known[n]) {
      list.append(...fact("truth", V.el("strong", {}, V.truthOf(n).join(", ") || "none of the classes")));
    }
    if (width[n]) list.append(...fact("size", `${V.count(width[n])} × ${V.count(height[n])} px`));
    const pair = data.pairs[V.state.pair];
    if (pair && !Number.isNaN(pair.apart[n])) list.append(...fact("disagreement", V.score(pair.apart[n])));
    const path = V.el("code", {}, V.named(n));
    list.append(...fact("file", path));
    return list;
  };

  const fit = () => {
    if (shown < 0) return;
    const stage = dialog.querySelector(".stage");
    const sheet = stage.querySelector(".sheet");
    if (!sheet) return;
    const [w, h] = [data.pictures.width[shown] || 4, data.pictures.height[shown] || 3];
    const room = [stage.clientWidth, stage.clientHeight];
    const scale = Math.min(room[0] / w, room[1] / h, Math.max(1, 640 / Math.max(w, h)) * 2);
    size = [Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale))];
    sheet.style.width = `${size[0]}px`;
    sheet.style.height = `${size[1]}px`;
    if (canvas) V.draw(canvas, shown, ...size, true);
  };

  const stage = (n) => {
    const thumb = V.thumb(n), large = V.large(n);
    const box = V.el("div.stage");
    if (!thumb && !large) {
      const reason = V.word(data.pictures.problem, n) || data.runs.map((_, run) => V.failure(run, n)).find(Boolean);
      return V.fill(box, V.el("div.missing", {}, V.el("strong", {}, "No picture"), reason)), box;
    }
    const image = V.el("img", { alt: V.described(n), src: thumb || large, draggable: false });
    if (Math.max(data.pictures.width[n], data.pictures.height[n]) < 96) image.classList.add("pixels");
    const sheet = V.el("div.sheet", {}, image);
    canvas = null;
    if (V.hasOverlay) sheet.append((canvas = V.el("canvas")));
    const note = V.el("p.note");
    box.append(sheet, note);
    const sound = V.sound(n);
    if (sound) {
      const player = V.el("audio", { controls: true, preload: "metadata", src: sound, ariaLabel: `Play ${data.pictures.name[n]}` });
      player.onerror = () => {
        note.textContent = "The recording cannot be played: it is not where it was when this report was made, or this browser does not know its kind.";
      };
      box.append(player);
      return box;
    }
    if (large && thumb) {
      const better = new Image();
      better.onload = () => {
        if (shown === n) image.src = better.src;
      };
      better.onerror = () => {
        if (shown === n) note.textContent = "This is the thumbnail, enlarged: the picture itself is not where it was when this report was made.";
      };
      better.src = large;
    } else if (!large) note.textContent = "This is the thumbnail, enlarged. vision report --full puts larger copies beside the page.";
    return box;
  };

  const step = (by) => {
    const at = V.shown.indexOf(shown) + by;
    if (at >= 0 && at < V.shown.length) V.change({ open: V.shown[at] });
  };

  const render = () => {
    const n = shown;
    const at = V.shown.indexOf(n);
    const place = at >= 0 ? `${V.count(at + 1)} of ${V.count(V.shown.length)}` : "not among those shown";
    const head = V.el("header", {},
      V.el("h2", { title: V.named(n) }, data.pictures.name[n]),
      V.el("span.muted.place", {}, place),
      V.el("button.ghost.step", { type: "button", title: "The one before (← or k)", ariaLabel: "The picture before", disabled: at <= 0, onclick: () => step(-1) }, "‹"),
      V.el("button.ghost.step", { type: "button", title: "The next (→ or j)", ariaLabel: "The next picture", disabled: at < 0 || at === V.shown.length - 1, onclick: () => step(1) }, "›"),
      V.el("button.ghost", { type: "button", id: "mark", ariaPressed: V.isMarked(n), title: "Mark (x)", onclick: () => V.mark(n) }, V.isMarked(n) ? "Marked ×" : "Mark"),
      V.hasOverlay ? V.el("button.ghost", { type: "button", ariaPressed: V.state.overlay, title: "Overlay (space)", onclick: () => V.change({ overlay: !V.state.overlay }) }, "Overlay") : null,
      V.el("button.ghost", { type: "button", title: "Close (Escape)", ariaLabel: "Close", onclick: () => V.change({ open: -1 }) }, "✕"));
    const side = V.el("div.facts", {}, facts(n), ...data.runs.map((_, run) => ofRun(run, n)));
    V.fill(dialog, head, stage(n), side);
    fit();
  };

  // Opens, closes or moves on, as the state says.
  V.viewer = {
    update: () => {
      const wanted = V.state.open;
      if (wanted < 0) {
        shown = -1;
        if (dialog.open) dialog.close();
        return;
      }
      shown = wanted;
      if (!dialog.open) dialog.showModal();
      render();
      V.grid.goTo(wanted);
    },
    redraw: () => {
      if (shown >= 0) render();
    },
    step,
    shown: () => shown,
  };

  dialog.addEventListener("close", () => {
    if (V.state.open >= 0) V.change({ open: -1 });
    V.at("grid").focus({ preventScroll: true });
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) V.change({ open: -1 });
  });
  addEventListener("resize", V.soon(fit));
})();
