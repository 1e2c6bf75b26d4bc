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
      const taken = new Set();
      for (let row = objects.start[n]; row < objects.start[n + 1]; row++) {
        if (!V.shownAt(run, row) || fate[row] === V.FATE.VOID) continue;
        if ((fate[row] === V.FATE.HIT || fate[row] === V.FATE.OTHER_CLASS) && about[row] >= 0) {
          add(rows.label[about[row]], objects.label[row]);
          taken.add(about[row]);
        } else add(-1, objects.label[row]);
      }
      for (let row = rows.start[n]; row < rows.start[n + 1]; row++) if (rows.counted[row] && !taken.has(row)) add(rows.label[row], -1);
    }
    return [...table].map(([key, count]) => ({ truly: Math.floor(key / width) - 1, predicted: (key % width) - 1, count }));
  };

  // Precision and recall as the least score falls: [{score, precision, recall}] of one class (-1: of all).
  V.operatingPoints = (run, code) => {
    const { objects, fate, state, verdict } = data.runs[run];
    const { rows } = V.truth;
    const found = [];
    let truths = 0;
    for (let n = 0; n < V.total; n++) {
      if (!rows.known[n] || !counted(n)) continue;
      if (V.judgesObjects) {
        for (let row = rows.start[n]; row < rows.start[n + 1]; row++) truths += rows.counted[row] && (code < 0 || rows.label[row] === code) ? 1 : 0;
        for (let row = objects.start[n]; row < objects.start[n + 1]; row++) {
          if (fate[row] && fate[row] !== V.FATE.VOID && (code < 0 || objects.label[row] === code)) found.push([objects.score[row], fate[row] === V.FATE.HIT]);
        }
      } else if (state[n] === 1 && verdict[n]) {
        const own = rows.label[rows.start[n]], said = objects.label[objects.start[n]];
        truths += code < 0 || own === code ? 1 : 0;
        if (code < 0 || said === code) found.push([objects.score[objects.start[n]], verdict[n] === V.RIGHT]);
      }
    }
    if (!truths) return [];
    found.sort((a, b) => b[0] - a[0]);
    const points = [];
    let right = 0;
    found.forEach(([score, isRight], k) => {
      right += isRight ? 1 : 0;
      if (k + 1 < found.length && found[k + 1][0] === score) return;
      points.push({ score, precision: right / (k + 1), recall: right / truths });
    });
    return points;
  };
})();
