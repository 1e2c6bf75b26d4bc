"use strict";
// Drawings of numbers: bars and lines that open the pictures behind them.

(() => {
  const { svg } = V;

  const filtered = (name, low, high) => V.change({ ranges: new Map(V.state.ranges).set(name, [low, high]), metric: name });

  const edgesOf = (name, values) => {
    const { range, whole } = V.METRICS[name];
    const column = V.METRICS[name].column();
    let [low, high] = range ?? [Infinity, -Infinity];
    if (!range) {
      for (const n of values) {
        const value = column[n];
        if (Number.isNaN(value)) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    if (!(low <= high)) return null;
    if (whole) {
      const step = Math.max(1, Math.ceil((high - low + 1) / 24));
      const bins = Math.ceil((high - low + 1) / step);
      return Array.from({ length: bins + 1 }, (_, k) => low + k * step - 0.5);
    }
    if (low === high) return [low - 0.5, high + 0.5];
    return Array.from({ length: 21 }, (_, k) => low + (k * (high - low)) / 20);
  };

  // How a number is spread over pictures; dragging over bars asks for what is between them.
  V.histogram = (name, values, { width, height, split = false, go = false }) => {
    const edges = edgesOf(name, values);
    if (!edges) return V.el("p.muted", {}, "No picture has this number.");
    const bins = edges.length - 1;
    const { whole } = V.METRICS[name];
    const column = V.METRICS[name].column();
    const counts = Array.from({ length: bins }, () => [0, 0, 0]);
    const last = edges[bins];
    for (const n of values) {
      const value = column[n];
      if (Number.isNaN(value)) continue;
      const bin = Math.min(bins - 1, Math.max(0, Math.floor(((value - edges[0]) / (last - edges[0])) * bins)));
      const verdict = split ? V.compared().reduce((worst, run) => Math.max(worst, V.outcome[run].verdict[n]), 0) : 0;
      counts[bin][verdict]++;
    }
    const most = Math.max(1, ...counts.map((c) => c[0] + c[1] + c[2]));
    const foot = 14, tall = height - foot;
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "histogram", role: "group", "aria-label": V.METRICS[name].label });
    const chosen = V.state.ranges.get(name);
    const step = width / bins;
    let from = -1;
    const ends = (a, b) => [edges[Math.min(a, b)], edges[Math.max(a, b) + 1]];
    const take = (a, b) => {
      filtered(name, ...ends(a, b));
      if (go) V.change({ view: "pictures" });
    };
    const span = (bin) => (whole ? (edges[bin + 1] - edges[bin] === 1 ? `${edges[bin] + 0.5}` : `${edges[bin] + 0.5} to ${edges[bin + 1] - 0.5}`) : `${Number(edges[bin].toPrecision(3))} to ${Number(edges[bin + 1].toPrecision(3))}`);
    counts.forEach((count, bin) => {
      const total = count[0] + count[1] + count[2];
      const on = !chosen || (edges[bin] >= chosen[0] - 1e-9 && edges[bin + 1] <= chosen[1] + 1e-9);
      let y = tall;
      const label = `${V.METRICS[name].label} ${span(bin)}: ${V.counted(total, "picture")}`;
      const group = svg("g", { class: on ? "bin" : "bin off", tabindex: total ? 0 : -1, role: "button", "aria-label": label });
      group.append(svg("rect", { class: "hit", x: bin * step, y: 0, width: step, height: tall }));
      for (const [k, kind] of [[0, ""], [1, "right"], [2, "wrong"]]) {
        const size = total ? Math.max(count[k] ? 1.5 : 0, (count[k] / most) * (tall - 4)) : 0;
        y -= size;
        if (size) group.append(svg("rect", { class: `value ${kind}`, x: bin * step + 0.75, y, width: Math.max(1, step - 1.5), height: size }));
      }
      group.append(svg("title", {}, label));
      group.addEventListener("pointerdown", (event) => {
        from = bin;
        event.preventDefault();
      });
      group.addEventListener("pointerup", () => from >= 0 && take(from, bin));
      group.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          event.stopPropagation();
          take(bin, bin);
        }
      });
      root.append(group);
    });
    const low = whole ? edges[0] + 0.5 : edges[0], high = whole ? last - 0.5 : last;
    root.append(svg("line", { class: "axis", x1: 0, x2: width, y1: tall, y2: tall }),
      svg("text", { x: 0, y: height - 1 }, String(Number(low.toPrecision(3)))),
      svg("text", { x: width, y: height - 1, "text-anchor": "end" }, String(Number(high.toPrecision(3)))));
    return root;
  };

  const MOST_POINTS = 1500; // more than a line of 300 pixels can show
  const SIDE = 300, LEFT = 40, FOOT = 34, TOP = 10;

  // A square of 0 to 1 each way, with names at its axes.
  const square = (across, up, label) => {
    const root = svg("svg", { viewBox: `0 0 ${SIDE + LEFT + 12} ${SIDE + FOOT + TOP}`, class: "square", role: "img", "aria-label": label });
    const x = (value) => LEFT + value * SIDE, y = (value) => TOP + (1 - value) * SIDE;
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      root.append(svg("line", { class: "rule", x1: x(0), x2: x(1), y1: y(value), y2: y(value) }), svg("line", { class: "rule", x1: x(value), x2: x(value), y1: y(0), y2: y(1) }));
      root.append(svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)), svg("text", { x: x(value), y: y(0) + 15, "text-anchor": "middle" }, String(value)));
    }
    root.append(svg("text", { class: "name", x: x(0.5), y: y(0) + 31, "text-anchor": "middle" }, across));
    root.append(svg("text", { class: "name", transform: `translate(9 ${y(0.5)}) rotate(-90)`, "text-anchor": "middle" }, up));
    return { root, x, y };
  };

  const nearest = (points, recall) => points.reduce((best, point) => (Math.abs(point.recall - recall) < Math.abs(best.recall - recall) ? point : best));

  // Precision over recall; a point is a least score, and opens the pictures with it.
  V.precisionRecall = (code, take) => {
    const { root, x, y } = square("recall", "precision", "Precision over recall");
    const lines = V.data.runs.map((run, n) => ({ run, n, points: V.operatingPoints(n, code) }));
    for (const { run, n, points } of lines) {
      if (!points.length) continue;
      const step = Math.ceil(points.length / MOST_POINTS);
      const drawn = points.filter((_, k) => k % step === 0 || k === points.length - 1);
      const path = drawn.map((p, k) => `${k ? "L" : "M"}${x(p.recall).toFixed(1)} ${y(p.precision).toFixed(1)}`).join("");
      root.append(svg("path", { class: `line run-${n}`, d: path }));
      const now = points.filter((p) => p.score >= V.leastScore()).pop();
      if (now) root.append(svg("circle", { class: `dot run-${n}`, cx: x(now.recall), cy: y(now.precision), r: 4 }, svg("title", {}, `${run.name}, from score ${V.score(now.score)}: precision ${V.score(now.precision)}, recall ${V.score(now.recall)}`)));
    }
    const hint = svg("text", { class: "hint", x: x(0.04), y: y(0.05) });
    const cursor = svg("circle", { class: "cursor", r: 5, visibility: "hidden" });
    root.append(cursor, hint);
    const at = (event) => {
      const box = root.getBoundingClientRect();
      const recall = (((event.clientX - box.left) / box.width) * (SIDE + LEFT + 12) - LEFT) / SIDE;
      const height = 1 - (((event.clientY - box.top) / box.height) * (SIDE + FOOT + TOP) - TOP) / SIDE;
      const found = lines.filter(({ points }) => points.length).map(({ n, points }) => ({ n, point: nearest(points, recall) }));
      return found.sort((a, b) => Math.abs(a.point.precision - height) - Math.abs(b.point.precision - height))[0];
    };
    root.addEventListener("pointermove", (event) => {
      const found = at(event);
      if (!found) return;
      cursor.setAttribute("visibility", "visible");
      cursor.setAttribute("cx", x(found.point.recall));
      cursor.setAttribute("cy", y(found.point.precision));
      const run = V.data.runs.length > 1 ? `${V.letter(found.n)}: ` : "";
      hint.textContent = `${run}from score ${V.score(found.point.score)}: precision ${V.score(found.point.precision)}, recall ${V.score(found.point.recall)}`;
    });
    root.addEventListener("click", (event) => {
      const found = at(event);
      if (found) take(found.point);
    });
    root.classList.add("active");
    return root;
  };

  // How often answers are right, by how sure they are; a bin opens its pictures.
  V.calibration = (curves, take) => {
    const { root, x, y } = square("score", "share that is right", "Calibration");
    root.append(svg("line", { class: "ideal", x1: x(0), y1: y(0), x2: x(1), y2: y(1) }));
    curves.forEach((curve, n) => {
      if (!curve) return;
      const bins = curve.pictures.map((pictures, k) => ({ k, pictures, score: curve.confidence[k], right: curve.accuracy[k] })).filter(({ pictures }) => pictures);
      const most = Math.max(...bins.map(({ pictures }) => pictures));
      root.append(svg("path", { class: `line run-${n}`, d: bins.map(({ score, right }, k) => `${k ? "L" : "M"}${x(score).toFixed(1)} ${y(right).toFixed(1)}`).join("") }));
      for (const { k, pictures, score, right } of bins) {
        const what = V.judgesObjects ? V.counted(pictures, "object") : V.counted(pictures, "picture");
        const label = `${V.data.runs[n].name}: score ${V.score(curve.edges[k])} to ${V.score(curve.edges[k + 1])}, ${V.percent(right, 0)} of ${what} right`;
        const dot = svg("circle", { class: `dot open run-${n}`, cx: x(score), cy: y(right), r: 3 + 5 * Math.sqrt(pictures / most), tabindex: 0, role: "button", "aria-label": label }, svg("title", {}, label));
        const go = () => take(n, curve.edges[k], curve.edges[k + 1]);
        dot.addEventListener("click", go);
        dot.addEventListener("keydown", (event) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            event.stopPropagation();
            go();
          }
        });
        root.append(dot);
      }
    });
    return root;
  };
})();
