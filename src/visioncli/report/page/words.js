"use strict";
// What is said of a picture in a line.

(() => {
  const { data } = V;

  V.sign = (verdict) => {
    if (!verdict) return null;
    const right = verdict === V.RIGHT;
    return V.el(right ? "span.sign.right" : "span.sign.wrong", { title: right ? "right" : "wrong" }, right ? "✓" : "✗");
  };

  V.truthOf = (n) => {
    if (!V.truth) return [];
    const { rows } = V.truth;
    return Array.from(rows.label.subarray(rows.start[n], rows.start[n + 1]), V.className);
  };

  // "2 dogs" would need a grammar: "dog 2, cat" needs none.
  const tally = (run, n) => {
    const { objects } = data.runs[run];
    const counts = new Map();
    for (let row = objects.start[n]; row < objects.start[n + 1]; row++) {
      if (!V.shownAt(run, row) || !V.wantsClass(objects.label[row])) continue;
      counts.set(objects.label[row], (counts.get(objects.label[row]) ?? 0) + 1);
    }
    return [...counts].map(([code, times]) => V.className(code) + (times > 1 ? ` ${times}` : "")).join(", ");
  };

  const fates = (run, n) => {
    const { hits, wrong, missed } = V.outcome[run];
    const found = [[hits[n], "found", 1], [missed[n], "missed", "missed"], [wrong[n], "false", 6]];
    return found.filter(([count]) => count);
  };

  // The same with the colours of the boxes; the words only where there is room for them.
  const tallies = (run, n) => {
    const found = fates(run, n);
    if (!found.length) return ["nothing there"];
    return found.map(([count, word, fate]) => {
      const swatch = V.el("i.swatch");
      swatch.style.background = V.fateColour(fate);
      return V.el("span.tally", { title: `${count} ${word}` }, swatch, `${count}`, data.runs.length > 1 || found.length > 2 ? null : ` ${word}`);
    });
  };

  // The answer of a run in one line: [text, number at its end].
  V.answer = (run, n) => {
    const { objects } = data.runs[run];
    const from = objects.start[n], to = objects.start[n + 1];
    if (["classify", "gradcam", "similar", "dedupe"].includes(data.task)) {
      if (from === to) return ["none", ""];
      const several = V.truth?.kind === "labels" || data.task === "dedupe";
      const names = several ? [...objects.label.subarray(from, to)].map(V.className).join(", ") : V.className(objects.label[from]);
      return [names, objects.score && !Number.isNaN(objects.score[from]) ? V.score(objects.score[from]) : ""];
    }
    if (data.task === "caption") return [objects.text[n].join(" ") || "no caption", ""];
    if (V.judgesObjects && V.outcome[run].verdict[n]) return [fates(run, n).map(([count, word]) => `${count} ${word}`).join(", ") || "nothing there", ""];
    const found = tally(run, n);
    if (data.task === "segment" && V.truth?.kind === "maps") return [found || "background", V.score(V.outcome[run].overlap[n])];
    return [found || "nothing found", ""];
  };

  // The line of a run on a card.
  V.line = (run, n) => {
    const several = data.runs.length > 1;
    const mark = several ? V.el("span.run", { title: data.runs[run].name }, V.letter(run)) : null;
    if (V.hasFailed(run, n)) return V.el("div.line", {}, mark, V.el("span.words.failed", {}, "failed"));
    if (!V.isOk(run, n)) return V.el("div.line", {}, mark, V.el("span.words.muted", {}, "not in this run"));
    const [text, number] = V.answer(run, n);
    return V.el("div.line", {}, mark, V.sign(V.outcome[run].verdict[n]), V.el("span.words", { title: text }, ...(V.judgesObjects && V.outcome[run].verdict[n] ? tallies(run, n) : [text])), number && V.el("span.number", {}, number));
  };

  // What stands below the answers: the truth where an answer is wrong, else the name.
  V.foot = (n) => {
    const wrong = V.truth && ["classes", "labels"].includes(V.truth.kind) && data.runs.some((_, run) => V.outcome[run].verdict[n] === V.WRONG);
    if (wrong) return V.el("div.foot", { title: V.named(n) }, V.el("span.is", {}, "is "), V.truthOf(n).join(", ") || "none");
    return V.el("div.foot", { title: V.named(n) }, data.pictures.name[n]);
  };

  V.described = (n) => {
    const said = data.runs.map((run, k) => {
      const name = data.runs.length > 1 ? `${run.name}: ` : "";
      if (!V.isOk(k, n)) return `${name}${V.hasFailed(k, n) ? "failed" : "not in this run"}`;
      const verdict = { 0: "", 1: ", right", 2: ", wrong" }[V.outcome[k].verdict[n]];
      return name + V.answer(k, n).filter(Boolean).join(" ") + verdict;
    });
    return `${V.named(n)}: ${said.join("; ")}${V.isMarked(n) ? "; marked" : ""}`;
  };
})();
