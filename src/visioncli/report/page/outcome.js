"use strict";
// What became of each picture and object, at the least score that is chosen. Matching went from the highest score
// down, so that hiding objects below a score leaves the others' matches as they were.

(() => {
  const { data } = V;
  const [NOT_JUDGED, HIT, VOID, OTHER_CLASS, POORLY_PLACED, TWICE, NOTHING_THERE] = [0, 1, 2, 3, 4, 5, 6];
  V.FATE = { NOT_JUDGED, HIT, VOID, OTHER_CLASS, POORLY_PLACED, TWICE, NOTHING_THERE };
  V.FATES = {
    missed: "missed",
    6: "nothing there",
    3: "another class",
    4: "poorly placed",
    5: "found twice",
    1: "found",
  };

  const UNKNOWN = 0, RIGHT = 1, WRONG = 2;
  V.RIGHT = RIGHT;
  V.WRONG = WRONG;
  const OK = 1;
  V.isOk = (run, n) => data.runs[run].state[n] === OK;
  V.hasFailed = (run, n) => data.runs[run].state[n] === 2;

  const floats = () => new Float32Array(V.total).fill(NaN);

  V.shownAt = (run, row) => {
    const { score } = data.runs[run].objects;
    return !score || Number.isNaN(score[row]) || score[row] >= V.state.least;
  };

  V.wantsClass = (code) => V.state.classes.size === 0 || V.state.classes.has(code);

  // The row of the object that found a true one, at this score; -1 where it is missed.
  V.finder = (run, truthRow) => {
    const row = data.runs[run].foundBy[truthRow];
    return row >= 0 && V.shownAt(run, row) ? row : -1;
  };

  const ofRun = (run) => {
    const { objects, state, verdict, fate, iou, miou } = data.runs[run];
    const found = {
      count: new Uint16Array(V.total),
      top: floats(),
      overlap: miou ? miou : floats(),
      hits: new Uint16Array(V.total),
      wrong: new Uint16Array(V.total),
      missed: new Uint16Array(V.total),
      verdict: verdict ?? new Uint8Array(V.total),
    };
    for (let n = 0; n < V.total; n++) {
      let sum = 0;
      for (let row = objects.start[n]; row < objects.start[n + 1]; row++) {
        if (!V.shownAt(run, row)) continue;
        found.count[n]++;
        if (objects.score && !(found.top[n] >= objects.score[row])) found.top[n] = objects.score[row];
        if (!fate) continue;
        if (fate[row] === HIT) {
          found.hits[n]++;
          sum += iou[row];
        } else if (fate[row] > VOID) found.wrong[n]++;
      }
      if (fate && found.hits[n]) found.overlap[n] = sum / found.hits[n];
    }
    if (V.judgesObjects) {
      const { rows } = V.truth;
      found.verdict = new Uint8Array(V.total);
      for (let n = 0; n < V.total; n++) {
        for (let row = rows.start[n]; row < rows.start[n + 1]; row++) {
          if (rows.counted[row] && V.finder(run, row) < 0) found.missed[n]++;
        }
        if (rows.known[n] && state[n] === OK) found.verdict[n] = found.wrong[n] + found.missed[n] ? WRONG : RIGHT;
      }
    }
    return found;
  };

  V.measure = () => {
    V.outcome = data.runs.map((_, run) => ofRun(run));
  };

  // The numbers that pictures can be sorted and filtered by: of the first run, or of how two differ.
  const least = (values) => (n) => Math.min(...values(n).filter((value) => !Number.isNaN(value)));
  const all = (pick) => least((n) => V.outcome.map((_, run) => pick(run, n)));
  const finite = (value) => (Number.isFinite(value) ? value : NaN);
  V.METRICS = {
    score: { label: V.hasObjects ? "best score" : "score", of: (n) => finite(all((run, m) => V.outcome[run].top[m])(n)), range: [0, 1] },
    margin: { label: "margin to the next class", of: (n) => data.runs[0].margin[n], range: [0, 1] },
    loss: { label: "loss", of: (n) => data.runs[0].loss[n] },
    iou: { label: "IoU", of: (n) => finite(all((run, m) => V.outcome[run].overlap[m])(n)), range: [0, 1] },
    objects: { label: "objects", of: (n) => V.outcome[0].count[n], whole: true },
    errors: {
      label: "errors",
      of: (n) => Math.max(...V.outcome.map((o) => o.wrong[n] + o.missed[n])),
      whole: true,
    },
    apart: { label: "disagreement", of: (n) => data.pairs[V.state.pair].apart[n], range: [0, 1] },
    pixels: { label: "megapixels", of: (n) => (data.pictures.width[n] * data.pictures.height[n]) / 1e6 || NaN },
  };
  const there = {
    score: data.runs.some((run) => run.objects.score),
    margin: Boolean(data.runs[0].margin),
    loss: Boolean(data.runs[0].loss) && V.truth?.kind === "classes",
    iou: V.judgesObjects || V.truth?.kind === "maps",
    objects: V.hasObjects && data.task !== "segment" || V.judgesObjects,
    errors: V.judgesObjects,
    apart: data.pairs.length > 0,
    pixels: true,
  };
  for (const name of Object.keys(V.METRICS)) if (!there[name]) delete V.METRICS[name];

  V.measure();
  V.UNKNOWN = UNKNOWN;
})();
