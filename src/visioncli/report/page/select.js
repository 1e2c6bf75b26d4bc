"use strict";
// Which pictures are shown, in which order, and how many each choice would show.

(() => {
  const { data } = V;
  const [GROUP, CLASS, QUERY, FOLDER, SIZE, FATE, RANGE, CELL, MARKED] = Array.from({ length: 9 }, (_, n) => 1 << n);
  V.BIT = { GROUP, CLASS, QUERY, FOLDER, SIZE, FATE, RANGE, CELL, MARKED };

  // The runs that are compared: those of the chosen pair, or the only one.
  V.compared = () => {
    const pair = data.pairs[V.state.pair];
    return pair ? [pair.first, pair.second] : [0];
  };

  const letter = V.letter;
  const bothKnown = (a, b) => (n) => V.outcome[a].verdict[n] && V.outcome[b].verdict[n];

  // The tabs above the pictures: name -> {label, title, test}.
  V.groups = () => {
    const all = { all: { label: "All", test: () => true } };
    const [a, b] = V.compared();
    const right = (run) => (n) => V.outcome[run].verdict[n] === V.RIGHT;
    const wrong = (run) => (n) => V.outcome[run].verdict[n] === V.WRONG;
    if (V.truth && b === undefined) {
      return {
        ...all,
        wrong: { label: "Wrong", test: wrong(a), title: wrongTitle() },
        right: { label: "Right", test: right(a) },
      };
    }
    if (V.judgesObjects) {
      const by = (bit) => (n) => (V.foundBits[n] & bit) > 0;
      return {
        ...all,
        both: { label: "Found by both", test: by(V.BY_BOTH), title: "Pictures with an object that both runs found" },
        first: { label: `Only by ${letter(a)}`, test: by(V.ONLY_FIRST), title: `Pictures with an object that only ${data.runs[a].name} found` },
        second: { label: `Only by ${letter(b)}`, test: by(V.ONLY_SECOND), title: `Pictures with an object that only ${data.runs[b].name} found` },
        none: { label: "By none", test: by(V.BY_NONE), title: "Pictures with an object that neither run found" },
      };
    }
    if (V.truth) {
      const known = bothKnown(a, b);
      return {
        ...all,
        both: { label: "Both right", test: (n) => known(n) && right(a)(n) && right(b)(n) },
        first: { label: `Only ${letter(a)}`, test: (n) => known(n) && right(a)(n) && !right(b)(n), title: `Right only in ${data.runs[a].name}` },
        second: { label: `Only ${letter(b)}`, test: (n) => known(n) && !right(a)(n) && right(b)(n), title: `Right only in ${data.runs[b].name}` },
        none: { label: "Both wrong", test: (n) => known(n) && !right(a)(n) && !right(b)(n) },
      };
    }
    if (b !== undefined) {
      const { apart } = data.pairs[V.state.pair];
      const same = V.differs(a, b);
      return {
        ...all,
        differ: { label: "Differ", test: (n) => !Number.isNaN(apart[n]) && same(n), title: "Pictures of which the two runs say different things" },
        agree: { label: "Agree", test: (n) => !Number.isNaN(apart[n]) && !same(n) },
      };
    }
    if (!V.hasObjects || data.task === "caption") return all;
    return {
      ...all,
      some: { label: "With objects", test: (n) => V.outcome[a].count[n] > 0 },
      nothing: { label: "Without", test: (n) => V.isOk(a, n) && V.outcome[a].count[n] === 0, title: "Pictures in which nothing was found" },
    };
  };

  const wrongTitle = () =>
    V.truth.kind === "maps" ? `Mean IoU below ${data.iou}` : V.judgesObjects ? "Something missed or found that is not there" : "";

  // Classes differ where the likeliest one does, everything else where anything does.
  V.differs = (a, b) => {
    const { apart } = data.pairs[V.state.pair];
    if (!["classify", "gradcam"].includes(data.task)) return (n) => apart[n] > 0.001;
    const first = (run, n) => data.runs[run].objects.label[data.runs[run].objects.start[n]];
    return (n) => first(a, n) !== first(b, n);
  };

  // Whether a picture shows a class, or one is said to: `wanted` has 1 at each code.
  const showsAny = (n, wanted) => {
    const { start, codes, scores } = V.classPairs;
    const least = V.leastScore();
    for (let at = start[n]; at < start[n + 1]; at++) if (wanted[codes[at]] && !(scores[at] < least)) return true;
    return false;
  };

  // How many pictures show each class, of those that meet all choices but `but`.
  V.classCounts = (but) => {
    const { start, codes, scores } = V.classPairs;
    const least = V.leastScore();
    const counts = new Uint32Array(data.classes.names.length);
    for (let n = 0; n < V.total; n++) {
      if (V.missing[n] & ~but) continue;
      for (let at = start[n]; at < start[n + 1]; at++) if (!(scores[at] < least)) counts[codes[at]]++;
    }
    return counts;
  };

  V.fateBit = (fate) => (fate === "missed" ? V.MISSED : 1 << Number(fate));

  // Pixels of a picture: small, middle, large.
  V.SIZES = { tiny: "below 0.1 MP", small: "0.1 to 0.5 MP", middle: "0.5 to 2 MP", large: "2 to 12 MP", huge: "from 12 MP" };
  V.sizeOf = (n) => {
    const pixels = (data.pictures.width[n] * data.pictures.height[n]) / 1e6;
    return !pixels ? "" : pixels < 0.1 ? "tiny" : pixels < 0.5 ? "small" : pixels < 2 ? "middle" : pixels < 12 ? "large" : "huge";
  };

  // Whether a picture is in a cell of the confusion table: [run, truth, predicted]; -1 stands for nothing there.
  V.inCell = ([run, truly, predicted], n) => {
    const { objects, fate, about, state } = data.runs[run];
    const { rows } = V.truth;
    if (state[n] !== 1) return false;
    if (!V.judgesObjects) {
      const own = rows.label[rows.start[n]];
      return rows.start[n + 1] > rows.start[n] && own === truly && objects.label[objects.start[n]] === predicted;
    }
    for (let row = objects.start[n]; row < objects.start[n + 1]; row++) {
      if (!V.shownAt(run, row) || objects.label[row] !== predicted) continue;
      if (truly < 0 ? fate[row] > V.FATE.OTHER_CLASS : (fate[row] === V.FATE.HIT || fate[row] === V.FATE.OTHER_CLASS) && about[row] >= 0 && rows.label[about[row]] === truly) return true;
    }
    if (predicted >= 0) return false;
    for (let row = rows.start[n]; row < rows.start[n + 1]; row++) {
      if (rows.counted[row] && rows.label[row] === truly && V.finder(run, row) < 0) return true;
    }
    return false;
  };

  const texts = Array.from({ length: V.total }, (_, n) => {
    const said = data.runs.map((run) => (run.objects.text ? run.objects.text[n].join(" ") : ""));
    return [V.named(n), ...said].join("\n").toLowerCase();
  });

  // For each picture the bits of the choices that it does not meet; 0 is shown.
  V.missing = new Uint16Array(V.total);
  V.shown = [];

  const refresh = () => {
    const { state } = V;
    const groups = V.groups();
    if (!groups[state.group]) state.group = "all";
    const { test } = groups[state.group];
    const query = state.query.trim().toLowerCase();
    const folders = data.pictures.folder.words.map((name) => name.startsWith(state.folder));
    const ranges = [...state.ranges].filter(([name]) => V.METRICS[name]).map(([name, ends]) => [V.METRICS[name].column(), ...ends]);
    const whole = data.classes.names.length;
    const wanted = new Uint8Array(whole);
    for (const code of state.classes) wanted[code] = 1;
    let fates = 0;
    if (V.judgesObjects) for (const fate of state.fates) fates |= V.fateBit(fate);
    const out = V.missing;
    for (let n = 0; n < V.total; n++) {
      let bits = 0;
      if (!test(n)) bits |= GROUP;
      if (state.classes.size && !showsAny(n, wanted)) bits |= CLASS;
      if (query && !texts[n].includes(query)) bits |= QUERY;
      if (state.folder && !folders[data.pictures.folder.codes[n]]) bits |= FOLDER;
      if (state.sizes.size && !state.sizes.has(V.sizeOf(n))) bits |= SIZE;
      if (fates && !(V.fateBits[n] & fates)) bits |= FATE;
      for (const [column, low, high] of ranges) if (!(column[n] >= low && column[n] <= high)) bits |= RANGE;
      if (state.cell && V.truth && !V.inCell(state.cell, n)) bits |= CELL;
      if (state.marked && !V.isMarked(n)) bits |= MARKED;
      out[n] = bits;
    }
    order();
  };

  // The place of each picture when they are sorted by name.
  let places = null;
  const byName = () => {
    if (places) return places;
    const collator = new Intl.Collator("en", { numeric: true });
    const names = Array.from({ length: V.total }, (_, n) => V.named(n));
    places = new Float64Array(V.total);
    [...names.keys()].sort((a, b) => collator.compare(names[a], names[b])).forEach((n, at) => (places[n] = at));
    return places;
  };

  const order = () => {
    const shown = [];
    for (let n = 0; n < V.total; n++) if (!V.missing[n]) shown.push(n);
    const { sort, down } = V.state;
    const column = sort === "name" ? byName() : V.METRICS[sort]?.column();
    if (column) {
      const sign = down === (sort !== "name") ? -1 : 1;
      const keys = Float64Array.from(column, (value) => (Number.isNaN(value) ? Infinity : sign * value)); // none: last
      shown.sort((a, b) => keys[a] - keys[b] || a - b);
    } else if (!down) shown.reverse();
    V.shown = shown;
  };

  // How many pictures each tab has, all other choices met.
  V.groupCounts = (groups) => {
    const counts = Object.fromEntries(Object.keys(groups).map((name) => [name, 0]));
    for (let n = 0; n < V.total; n++) {
      if (V.missing[n] & ~GROUP) continue;
      for (const [name, { test }] of Object.entries(groups)) if (test(n)) counts[name]++;
    }
    return counts;
  };

  V.refresh = refresh;
  V.reorder = order;
  V.meets = (n, but) => !(V.missing[n] & ~but);
})();
