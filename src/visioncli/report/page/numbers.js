"use strict";
// The view of numbers: how good the runs are, what is taken for what, and curves; each opens its pictures.

(() => {
  const place = V.at("numbers");
  const { data } = V;
  const NAMES = {
    top1: ["right (top-1)", "share of pictures whose likeliest class is the true one"],
    top5: ["among five (top-5)", "share of pictures whose class is among the five likeliest"],
    macro_f1: ["macro F1", "mean F1 of the classes"],
    micro_f1: ["micro F1", "F1 over all decisions together"],
    balanced_accuracy: ["balanced accuracy", "mean recall of the classes"],
    subset_accuracy: ["every label right", "share of pictures with every class right"],
    hamming_loss: ["Hamming loss", "share of wrong decisions; lower is better"],
    ece: ["calibration error", "mean gap between score and share right; lower is better"],
    AP: ["AP", "average precision, mean over overlaps from 0.5 to 0.95 and classes (COCO)"],
    AP50: ["AP at 0.5", "average precision at an overlap of 0.5"],
    AP75: ["AP at 0.75", "average precision at an overlap of 0.75"],
    precision: ["precision", "share of detections that are right"],
    recall: ["recall", "share of objects that were found"],
    f1: ["F1", "harmonic mean of precision and recall"],
    mean_iou: ["mean overlap", "mean overlap of what was found"],
    miou: ["mean IoU", "intersection over union, mean over classes"],
    dice: ["Dice", "mean over classes"],
    pixel_accuracy: ["right pixels", "share of pixels of the right class"],
  };
  const SHARES = new Set(["top1", "top5", "subset_accuracy", "balanced_accuracy", "pixel_accuracy", "precision", "recall"]);
  const MOST_CELLS = 24;
  let curveClass = -1, confusionRun = 0, classSort = "pictures", classDown = true;

  const open = (values) => {
    V.change({ view: "pictures", ...values });
    V.at("grid").focus({ preventScroll: true });
  };

  const section = (title, note, ...children) => V.el("section.block", {}, V.el("h2", {}, title), note ? V.el("p.muted", {}, note) : null, ...children);
  const shown = (name, value) => (value === null || value === undefined ? "–" : SHARES.has(name) ? V.percent(value) : value.toFixed(3));

  const runHeads = () => data.runs.map((run, n) => V.el("th", { scope: "col" }, data.runs.length > 1 ? V.el(`span.run.run-${n}`, {}, V.letter(n)) : null, run.name));

  const headline = () => {
    if (!V.truth) return null;
    const rows = V.truth.numbers.map(({ name, values }) => {
      const [label, title] = NAMES[name] ?? [name, ""];
      return V.el("tr", {}, V.el("th", { scope: "row", title }, label), ...values.map(([value, low, high]) => V.el("td", {}, V.el("strong", {}, shown(name, value)), low === undefined || low === null ? null : V.el("span.ends", { title: "95 % interval" }, ` ${shown(name, low)} to ${shown(name, high)}`))));
    });
    const unit = { boxes: "boxes", masks: "masks", keypoints: "keypoints", maps: "label maps", classes: "classes", labels: "classes, several a picture" }[V.truth.kind];
    return section("How good", `${V.counted(V.truth.pictures, "picture")} with an answer in every run · ${unit} of ${V.truth.source}${V.judgesObjects ? ` · found from an overlap of ${data.iou}` : ""} · small print: 95 % intervals`,
      ...V.truth.comparisons.map(({ sentence }) => V.el("p.sentence", {}, sentence)),
      V.el("table.totals", {}, V.el("thead", {}, V.el("tr", {}, V.el("td"), ...runHeads())), V.el("tbody", {}, ...rows)));
  };

  const speed = () => {
    const timed = data.runs.filter((run) => run.ms);
    if (!timed.length) return null;
    return V.el("p.muted.speed", {}, "Prediction took ", timed.map((run) => `${data.runs.length > 1 ? `${run.name} ` : ""}${run.ms < 10 ? run.ms.toFixed(1) : Math.round(run.ms)} ms`).join(", "), " a picture on the machine of the run.");
  };

  const name = (code, nothing) => (code < 0 ? nothing : V.className(code));

  const confusion = () => {
    if (!V.truth || !["classes", "boxes", "masks"].includes(V.truth.kind)) return null;
    const cells = V.confusions(confusionRun);
    const errors = new Map(), sums = new Map();
    for (const { truly, predicted, count } of cells) {
      for (const code of new Set([truly, predicted])) {
        if (code < 0) continue;
        sums.set(code, (sums.get(code) ?? 0) + count);
        if (truly !== predicted) errors.set(code, (errors.get(code) ?? 0) + count);
      }
    }
    const every = [...sums.keys()];
    const few = every.length <= MOST_CELLS;
    const codes = (few ? every.sort((a, b) => a - b) : every.sort((a, b) => (errors.get(b) ?? 0) - (errors.get(a) ?? 0) || sums.get(b) - sums.get(a)).slice(0, MOST_CELLS));
    const axis = V.judgesObjects ? [...codes, -1] : codes;
    const at = new Map(cells.map((cell) => [`${cell.truly} ${cell.predicted}`, cell.count]));
    const most = Math.max(1, ...cells.filter((c) => c.truly !== c.predicted).map((c) => c.count));
    const whole = Math.max(1, ...cells.filter((c) => c.truly === c.predicted).map((c) => c.count));
    const press = (truly, predicted) => open({ cell: [confusionRun, truly, predicted], group: "all" });
    const telling = few || most > 1;
    const table = V.el(axis.length <= 8 ? "table.matrix.few" : "table.matrix", {},
      V.el("thead", {}, V.el("tr", {}, V.el("td.corner", {}, "true ↓  said →"), ...axis.map((code) => V.el("th", { scope: "col" }, V.el("span", { title: name(code, "missed") }, name(code, "missed")))))),
      V.el("tbody", {}, ...axis.map((truly) => V.el("tr", {}, V.el("th", { scope: "row", title: name(truly, "nothing there") }, name(truly, "nothing there")), ...axis.map((predicted) => {
        const count = at.get(`${truly} ${predicted}`) ?? 0;
        if (!count) return V.el("td");
        const cell = V.el("td", {}, V.el("button", { type: "button", title: `${name(truly, "nothing there")} → ${name(predicted, "missed")}: ${V.count(count)}`, onclick: () => press(truly, predicted) }, V.count(count)));
        cell.className = truly === predicted ? "hit" : "miss";
        cell.style.setProperty("--share", (truly === predicted ? count / whole : count / most).toFixed(3));
        return cell;
      })))));
    const worst = cells.filter((c) => c.truly !== c.predicted && c.truly >= 0 && c.predicted >= 0).sort((a, b) => b.count - a.count).slice(0, 12);
    const list = worst.length ? V.el("ol.worst", {}, ...worst.map(({ truly, predicted, count }) => V.el("li", {}, V.el("button.link", { type: "button", onclick: () => press(truly, predicted) }, V.className(truly), V.el("span.muted", {}, " taken for "), V.className(predicted)), V.el("span.number", {}, V.count(count))))) : V.el("p.muted", {}, "No class was taken for another.");
    const choose = data.runs.length > 1 ? V.el("div.tabs", {}, ...data.runs.map((run, n) => V.el("button", { type: "button", ariaPressed: confusionRun === n, onclick: () => { confusionRun = n; show(); } }, `${V.letter(n)} ${run.name}`))) : null;
    const thing = V.judgesObjects ? "objects" : "pictures";
    return section("What is taken for what", telling ? `${few ? "All classes" : `The ${codes.length} classes with the most errors, of ${V.count(every.length)}`}, counted in ${thing}. A cell opens its pictures.` : `${V.count(every.length)} classes, none taken twice for the same other one.`, choose, V.el("div.beside", {}, telling ? V.el("div.scroll", {}, table) : null, V.el("div", {}, telling ? V.el("h3", {}, "Most frequent") : null, list)));
  };

  const classSelect = () => {
    const codes = [...new Set(V.truth.rows.label)].sort((a, b) => V.className(a).localeCompare(V.className(b)));
    const select = V.el("select", { id: "curve-class", ariaLabel: "Class of the curve" }, V.el("option", { value: -1, selected: curveClass < 0 }, "all classes"), ...codes.map((code) => V.el("option", { value: code, selected: curveClass === code }, V.className(code))));
    select.addEventListener("change", () => {
      curveClass = Number(select.value);
      show();
    });
    return select;
  };

  const legend = () => (data.runs.length > 1 ? V.el("p.legend", {}, ...data.runs.map((run, n) => V.el("span", {}, V.el(`i.key.run-${n}`), `${V.letter(n)} ${run.name}`))) : null);

  const curves = () => {
    if (!V.truth || !data.runs[0].objects.score || !["classes", "boxes", "masks", "keypoints"].includes(V.truth.kind)) return null;
    const chosen = curveClass < 0 ? {} : { classes: new Set([curveClass]) };
    const take = ({ score }) => {
      if (V.judgesObjects) open({ least: Number(score.toFixed(6)), ...chosen });
      else open({ ranges: new Map(V.state.ranges).set("score", [Math.floor(1e4 * score) / 1e4, 1]), metric: "score", ...chosen });
    };
    const bins = (run, low, high) => open({ ranges: new Map(V.state.ranges).set("score", [low, high]), metric: "score" });
    const calibrated = V.truth.calibration.some(Boolean);
    return section("Curves", "",
      legend(),
      V.el("div.charts", {},
        V.el("figure", {}, V.el("figcaption", {}, V.el("strong", {}, "Precision over recall"), classSelect()), V.precisionRecall(curveClass, take), V.el("p.muted", {}, "Each point is a least score. A click asks for the pictures with it.")),
        calibrated ? V.el("figure", {}, V.el("figcaption", {}, V.el("strong", {}, "Calibration")), V.calibration(V.truth.calibration, bins), V.el("p.muted", {}, "On the diagonal a score of 0.8 is right four times of five. Larger dots are more answers; a click opens their pictures.")) : null));
  };

  const spread = () => {
    const values = [];
    for (let n = 0; n < V.total; n++) if (V.meets(n, V.BIT.RANGE | V.BIT.GROUP | V.BIT.CELL)) values.push(n);
    const split = Boolean(V.truth);
    const figures = Object.keys(V.METRICS).map((metric) => V.el("figure", {}, V.el("figcaption", {}, V.el("strong", {}, V.METRICS[metric].label)), V.histogram(metric, values, { width: 300, height: 120, split, go: true })));
    return section("Spread", `${split ? "Right and wrong pictures, one above the other. " : ""}A bar opens its pictures; drag for a range.`, split ? V.el("p.legend", {}, V.el("span", {}, V.el("i.key.right"), "right"), V.el("span", {}, V.el("i.key.wrong"), "wrong")) : null, V.el("div.charts.small", {}, ...figures));
  };

  const classes = () => {
    if (!V.truth) return null;
    const { rows } = V.truth;
    const counts = new Map();
    const whole = ["classes", "labels"].includes(V.truth.kind);
    for (let n = 0; n < V.total; n++) {
      if (!V.meets(n, V.BIT.CLASS | V.BIT.RANGE | V.BIT.GROUP | V.BIT.CELL)) continue;
      for (let row = rows.start[n]; row < rows.start[n + 1]; row++) {
        if (rows.counted && !rows.counted[row]) continue;
        const entry = counts.get(rows.label[row]) ?? { total: 0, right: data.runs.map(() => 0) };
        entry.total++;
        data.runs.forEach((_, run) => {
          const right = V.judgesObjects ? V.finder(run, row) >= 0 : V.outcome[run].verdict[n] === V.RIGHT;
          entry.right[run] += right ? 1 : 0;
        });
        counts.set(rows.label[row], entry);
      }
    }
    const [extra, byCode] = Object.entries(V.truth.perClass)[0] ?? ["", {}];
    const list = [...counts].map(([code, { total, right }]) => ({ code, name: V.className(code), pictures: total, right: right.map((count) => count / total), more: byCode[code] ?? [] }));
    const key = (one) => (classSort === "name" ? one.name : classSort === "pictures" ? one.pictures : classSort.startsWith("right") ? one.right[Number(classSort.slice(5))] : one.more[Number(classSort.slice(4))] ?? -1);
    list.sort((a, b) => (classDown ? -1 : 1) * (typeof key(a) === "string" ? key(b).localeCompare(key(a)) * -1 : key(a) - key(b)) || a.name.localeCompare(b.name));
    const head = (id, label) => V.el("th", { scope: "col", ariaSort: classSort === id ? (classDown ? "descending" : "ascending") : "none" }, V.el("button.link", { type: "button", onclick: () => { classDown = classSort === id ? !classDown : id !== "name"; classSort = id; show(); } }, label, classSort === id ? (classDown ? " ↓" : " ↑") : ""));
    const several = data.runs.length > 1;
    const marks = (run) => (several ? ` ${V.letter(run)}` : "");
    const share = V.truth.kind === "maps" ? "" : whole ? "right" : "found";
    const heads = [head("name", "class"), head("pictures", whole || V.truth.kind === "maps" ? "pictures" : "objects"), ...(share ? data.runs.map((_, run) => head(`right${run}`, share + marks(run))) : []), ...(extra ? data.runs.map((_, run) => head(`more${run}`, extra + marks(run))) : [])];
    const meter = (value) => {
      const bar = V.el("span.bar", {}, V.el("i"));
      bar.firstChild.style.width = `${100 * value}%`;
      return bar;
    };
    const body = list.slice(0, 300).map((one) => V.el("tr", {},
      V.el("th", { scope: "row" }, V.el("button.link", { type: "button", onclick: () => open({ classes: new Set([one.code]), group: "all", cell: null }) }, one.name)),
      V.el("td", {}, V.count(one.pictures)),
      ...(share ? one.right.map((value) => V.el("td", {}, meter(value), V.el("span.number", {}, V.percent(value, 0)))) : []),
      ...(extra ? data.runs.map((_, run) => V.el("td", {}, one.more[run] === null || one.more[run] === undefined ? "–" : one.more[run].toFixed(3))) : [])));
    return section("Classes", list.length > 300 ? `The first 300 of ${V.count(list.length)}.` : "", V.el("div.scroll", {}, V.el("table.classes", {}, V.el("thead", {}, V.el("tr", {}, ...heads)), V.el("tbody", {}, ...body))));
  };

  const plain = () => {
    if (V.truth) return null;
    const first = data.runs[0];
    const found = V.counted(first.objects.label.length, "prediction");
    if (data.says) return section("What is here", data.says);
    return section("What is here", `${V.counted(V.total, "picture")}, ${found}. Without the truth nobody knows what is right: vision report OUT --truth TRUTH.`);
  };

  const warnings = () => (data.warnings.length ? section("To keep in mind", "", V.el("ul.warnings", {}, ...data.warnings.map((text) => V.el("li", {}, text)))) : null);

  const show = () => {
    const focused = document.activeElement?.id;
    const top = place.scrollTop;
    V.fill(place, V.el("div.sheet-of", {}, headline(), plain(), speed(), confusion(), curves(), spread(), classes(), warnings(), V.el("p.muted.made", {}, `Made by vision ${data.version}.`)));
    place.scrollTop = top;
    if (focused === "curve-class") V.at(focused)?.focus();
  };

  V.numbers = { show };
})();
