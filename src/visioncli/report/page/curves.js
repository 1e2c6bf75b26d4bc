"use strict";
// Counts of the whole: the confusion table, and precision over recall at every score. Both of the pictures that meet
// all choices but those that they themselves make.

(() => {
  const { data } = V;

  const counted = (n) => V.meets(n, V.BIT.CELL | V.BIT.RANGE | V.BIT.GROUP);

  // [{truly, predicted, count}], -1 for nothing there; of one class a picture, or of objects.
  V.confusions = (run) => {
    const { objects, fate, about, state } = data.runs[run];
    const { rows } = V.truth;
    const width = data.classes.names.length + 1;
    const table = new Map();
    const taken = new Uint8Array(rows.label.length);
    const add = (truly, predicted) => {
      const key = (truly + 1) * width + predicted + 1;
      table.set(key, (table.get(key) ?? 0) + 1);
    };
    for (let n = 0; n < V.total; n++) {
      if (state[n] !== 1 || !rows.known[n] || !counted(n)) continue;
      if (!V.judgesObjects) {
        if (rows.start[n] < rows.start[n + 1] && objects.start[n] < objects.start[n + 1]) add(rows.label[rows.start[n]], objects.label[objects.start[n]]);
        continue;
      }
      for (let row = objects.start[n]; row < objects.start[n + 1]; row++) {
        if (!V.shownAt(run, row) || fate[row] === V.FATE.VOID) continue;
        if ((fate[row] === V.FATE.HIT || fate[row] === V.FATE.OTHER_CLASS) && about[row] >= 0) {
          add(rows.label[about[row]], objects.label[row]);
          taken[about[row]] = 1;
        } else add(-1, objects.label[row]);
      }
      for (let row = rows.start[n]; row < rows.start[n + 1]; row++) if (rows.counted[row] && !taken[row]) add(rows.label[row], -1);
    }
    return [...table].map(([key, count]) => ({ truly: Math.floor(key / width) - 1, predicted: (key % width) - 1, count }));
  };

  // The rows of a run by falling score, and the picture of each.
  const kept = new Map();
  const ranked = (run) => {
    if (!kept.has(run)) {
      const { start, score } = data.runs[run].objects;
      const picture = new Uint32Array(score.length);
      for (let n = 0; n < V.total; n++) picture.fill(n, start[n], start[n + 1]);
      kept.set(run, { picture, order: Uint32Array.from(score.keys()).sort((a, b) => score[b] - score[a] || a - b) });
    }
    return kept.get(run);
  };

  // Precision and recall as the least score falls: [{score, precision, recall}] of one class (-1: of all).
  V.operatingPoints = (run, code) => {
    const { objects, fate, state, verdict } = data.runs[run];
    const { rows } = V.truth;
    let truths = 0;
    const use = new Uint8Array(V.total);
    for (let n = 0; n < V.total; n++) {
      use[n] = rows.known[n] && counted(n) && (V.judgesObjects || (state[n] === 1 && verdict[n])) ? 1 : 0;
      if (!use[n]) continue;
      if (V.judgesObjects) {
        for (let row = rows.start[n]; row < rows.start[n + 1]; row++) truths += rows.counted[row] && (code < 0 || rows.label[row] === code) ? 1 : 0;
      } else truths += code < 0 || rows.label[rows.start[n]] === code ? 1 : 0;
    }
    if (!truths) return [];
    const { order, picture } = ranked(run);
    const points = [];
    let right = 0, all = 0, last = NaN;
    for (const row of order) {
      const n = picture[row];
      if (!use[n] || (code >= 0 && objects.label[row] !== code)) continue;
      if (V.judgesObjects ? !fate[row] || fate[row] === V.FATE.VOID : row !== objects.start[n]) continue;
      right += (V.judgesObjects ? fate[row] === V.FATE.HIT : verdict[n] === V.RIGHT) ? 1 : 0;
      all++;
      if (objects.score[row] === last) points.pop();
      last = objects.score[row];
      points.push({ score: last, precision: right / all, recall: right / truths });
    }
    return points;
  };
})();
