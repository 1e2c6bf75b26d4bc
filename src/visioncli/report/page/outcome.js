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

  const RIGHT = 1, WRONG = 2;
  V.RIGHT = RIGHT;
  V.WRONG = WRONG;
  const OK = 1;
  V.isOk = (run, n) => data.runs[run].state[n] === OK;
  V.hasFailed = (run, n) => data.runs[run].state[n] === 2;

  const floats = () => new Float32Array(V.total).fill(NaN);

  // As a number of 32 bits, as scores are: 0.9 is not below 0.9.
  V.leastScore = () => Math.fround(V.state.least);

  V.shownAt = (run, row) => {
    const { score } = data.runs[run].objects;
    return !score || !(score[row] < V.leastScore());
  };

  V.wantsClass = (code) => V.state.classes.size === 0 || V.state.classes.has(code);

  // The row of the object that found a true one, at this score; -1 where it is missed.
  V.finder = (run, truthRow) => {
    const row = data.runs[run].foundBy[truthRow];
    return row >= 0 && V.shownAt(run, row) ? row : -1;
  };

  // 1 at each class that counts: of objects the chosen ones, of whole pictures all.
  const wantedClasses = () => {
    const { classes } = V.state;
    const every = classes.size === 0 || !V.hasObjects;
    return Uint8Array.from(data.classes.names, (_, code) => (every || classes.has(code) ? 1 : 0));
  };

  const ofRun = (run, wanted) => {
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
        if (!V.shownAt(run, row) || !wanted[objects.label[row]]) continue;
        found.count[n]++;
        if (objects.score && !(found.top[n] >= objects.score[row] || Number.isNaN(objects.score[row]))) found.top[n] = objects.score[row];
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
          if (rows.counted[row] && wanted[rows.label[row]] && V.finder(run, row) < 0) found.missed[n]++;
        }
        if (rows.known[n] && state[n] === OK) found.verdict[n] = found.wrong[n] + found.missed[n] ? WRONG : RIGHT;
      }
    }
    return found;
  };

  // For each picture, as bits, what became of its objects of the chosen classes in any run, and by which of the two
  // runs that are compared its true objects were found.
  V.MISSED = 1 << 7;
  V.BY_BOTH = 1;
  V.ONLY_FIRST = 2;
  V.ONLY_SECOND = 4;
  V.BY_NONE = 8;
  const mark = () => {
    if (!V.judgesObjects) return;
    const fates = new Uint8Array(V.total), found = new Uint8Array(V.total);
    const { rows } = V.truth;
    const [first, second] = V.compared();
    const least = V.leastScore();
    const wanted = wantedClasses();
    const isFound = (run) => {
      const { foundBy, objects } = data.runs[run];
      return Uint8Array.from(foundBy, (row) => (row >= 0 && !(objects.score[row] < least) ? 1 : 0));
    };
    const byRun = data.runs.map((_, run) => isFound(run));
    data.runs.forEach(({ objects, fate, state }, run) => {
      const { start, score, label } = objects;
      for (let n = 0; n < V.total; n++) {
        let bits = 0;
        for (let row = start[n]; row < start[n + 1]; row++) {
          if (fate[row] && fate[row] !== VOID && wanted[label[row]] && !(score[row] < least)) bits |= 1 << fate[row];
        }
        if (state[n] === OK) {
          for (let row = rows.start[n]; row < rows.start[n + 1]; row++) {
            if (rows.counted[row] && wanted[rows.label[row]] && !byRun[run][row]) bits |= V.MISSED;
          }
        }
        fates[n] |= bits;
      }
    });
    for (let n = 0; n < V.total && second !== undefined; n++) {
      for (let row = rows.start[n]; row < rows.start[n + 1]; row++) {
        if (!rows.counted[row] || !wanted[rows.label[row]]) continue;
        const a = byRun[first][row], b = byRun[second][row];
        found[n] |= a ? (b ? V.BY_BOTH : V.ONLY_FIRST) : b ? V.ONLY_SECOND : V.BY_NONE;
      }
    }
    V.fateBits = fates;
    V.foundBits = found;
  };

  // The classes of each picture, each once, with the best score that says so; the truth is sure.
  const pairs = (() => {
    const start = new Uint32Array(V.total + 1), codes = [], scores = [];
    const whole = ["classify", "gradcam"].includes(data.task) && V.truth?.kind !== "labels";
    const best = new Float32Array(data.classes.names.length).fill(-1);
    for (let n = 0; n < V.total; n++) {
      const here = [];
      const take = (code, score) => {
        if (best[code] < 0) here.push(code);
        best[code] = Math.max(best[code], score);
      };
      for (const { objects } of data.runs) {
        const end = whole ? Math.min(objects.start[n] + 1, objects.start[n + 1]) : objects.start[n + 1];
        for (let row = objects.start[n]; row < end; row++) {
          const score = objects.score ? objects.score[row] : NaN;
          take(objects.label[row], Number.isNaN(score) ? 2 : score);
        }
      }
      if (V.truth) for (let row = V.truth.rows.start[n]; row < V.truth.rows.start[n + 1]; row++) take(V.truth.rows.label[row], 2);
      for (const code of here) {
        codes.push(code);
        scores.push(best[code]);
        best[code] = -1;
      }
      start[n + 1] = codes.length;
    }
    return { start, codes: Uint32Array.from(codes), scores: Float32Array.from(scores) };
  })();
  V.classPairs = pairs;

  const columns = new Map();
  let measured = null;
  V.measure = () => {
    const { least, classes } = V.state;
    const asked = `${least} ${V.hasObjects ? [...classes] : ""}`;
    if (measured !== asked) V.outcome = data.runs.map((_, run) => ofRun(run, wantedClasses()));
    measured = asked;
    columns.clear();
    mark();
  };

  // The numbers that pictures can be sorted and filtered by: of the first run, or the worst of all.
  const smallest = (pick) => (n) => {
    let found = NaN;
    for (let run = 0; run < data.runs.length; run++) {
      const value = pick(run)[n];
      if (!(found <= value) && !Number.isNaN(value)) found = value;
    }
    return found;
  };
  const mostErrors = (n) => {
    let found = 0;
    for (const { wrong, missed } of V.outcome) found = Math.max(found, wrong[n] + missed[n]);
    return found;
  };
  V.METRICS = {
    score: { label: V.hasObjects ? "best score" : "score", at: smallest((run) => V.outcome[run].top), range: [0, 1] },
    margin: { label: "margin to the next class", at: (n) => data.runs[0].margin[n], range: [0, 1] },
    loss: { label: "loss", at: (n) => data.runs[0].loss[n] },
    iou: { label: V.truth?.kind === "keypoints" ? "OKS" : "IoU", at: smallest((run) => V.outcome[run].overlap), range: [0, 1] },
    objects: { label: "objects", at: (n) => V.outcome[0].count[n], whole: true },
    errors: { label: "errors", at: mostErrors, whole: true },
    apart: { label: "disagreement", at: (n) => data.pairs[V.state.pair].apart[n], range: [0, 1] },
    pixels: { label: "megapixels", at: (n) => (data.pictures.width[n] * data.pictures.height[n]) / 1e6 || NaN },
  };
  const there = {
    score: data.runs.some((run) => run.objects.score),
    margin: Boolean(data.runs[0].margin) && V.truth?.kind === "classes",
    loss: Boolean(data.runs[0].loss) && V.truth?.kind === "classes",
    iou: V.judgesObjects || V.truth?.kind === "maps",
    objects: (V.hasObjects && data.task !== "segment") || V.judgesObjects,
    errors: V.judgesObjects,
    apart: data.pairs.length > 0,
    pixels: true,
  };
  for (const [name, metric] of Object.entries(V.METRICS)) {
    if (!there[name]) delete V.METRICS[name];
    // All of it at once, until something changes.
    metric.column = () => {
      if (!columns.has(name)) columns.set(name, Float64Array.from({ length: V.total }, (_, n) => metric.at(n)));
      return columns.get(name);
    };
  }
})();
