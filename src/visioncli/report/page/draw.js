"use strict";
// What a run says of a picture, drawn over it: boxes, masks, skeletons, heat. All in pixels of the whole picture.

(() => {
  const { data } = V;
  const SKELETON = [
    [15, 13], [13, 11], [16, 14], [14, 12], [11, 12], [5, 11], [6, 12], [5, 6], [5, 7], [6, 8], [7, 9], [8, 10],
    [1, 2], [0, 1], [0, 2], [1, 3], [2, 4], [3, 5], [4, 6],
  ];
  const LEFT = "#ff8020", RIGHT = "#30a0ff", MIDDLE = "#78dc78";
  const SURE = 0.2; // joints that a network is less sure of are not drawn, as in annotated pictures
  const OUTCOMES = { 1: "#2fb673", 3: "#c65cff", 4: "#ff9f1a", 5: "#3fa9f5", 6: "#ff4d3d", 2: "#9a9a9a", missed: "#ffd400" };
  V.fateColour = (fate) => OUTCOMES[fate];
  const DASHES = [[], [5, 3], [2, 2]];

  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

  const colourOf = (run, row) => {
    const { objects, fate } = data.runs[run];
    if (V.state.colour === "outcome" && fate && fate[row]) return OUTCOMES[fate[row]];
    return V.classColour(objects.label[row]);
  };

  const box = (pen, at, scale, colour, dash, width) => {
    const [x1, y1, x2, y2] = at.map((v) => v * scale);
    if (Number.isNaN(x1)) return;
    pen.setLineDash([]);
    pen.lineWidth = width + 1.6;
    pen.strokeStyle = "rgba(0,0,0,.5)";
    if (!dash.length) pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.setLineDash(dash);
    pen.strokeRect(x1, y1, x2 - x1, y2 - y1);
    pen.setLineDash([]);
  };

  // A label within a picture that is `large` pixels wide; in thumbnails (0) there is no room for labels.
  const tag = (pen, text, x, y, colour, large) => {
    const size = large < 560 ? 10 : 13;
    if (!large) return;
    pen.font = `600 ${size}px system-ui, sans-serif`;
    const width = pen.measureText(text).width + 8;
    const top = Math.max(0, y - size - 6);
    x = Math.max(1, Math.min(x, large - width));
    const [r, g, b] = colour.startsWith("#") ? rgb(colour) : [255, 255, 255];
    pen.fillStyle = colour;
    pen.fillRect(x - 1, top, width, size + 6);
    pen.fillStyle = 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#000" : "#fff";
    pen.fillText(text, x + 3, top + size + 0.5);
  };

  const limbs = (pen, points, at, scale, width, colour) => {
    const sure = (k) => !Number.isNaN(points[at + 3 * k]) && points[at + 3 * k + 2] >= SURE;
    const xy = (k) => [points[at + 3 * k] * scale, points[at + 3 * k + 1] * scale];
    const side = (k) => (k === 0 ? MIDDLE : k % 2 ? LEFT : RIGHT);
    for (const [a, b] of SKELETON) {
      if (!sure(a) || !sure(b)) continue;
      pen.strokeStyle = colour ?? (side(a) === side(b) ? side(a) : MIDDLE);
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(...xy(a));
      pen.lineTo(...xy(b));
      pen.stroke();
    }
    for (let k = 0; k < 17; k++) {
      if (!sure(k)) continue;
      pen.fillStyle = colour ?? side(k);
      pen.beginPath();
      pen.arc(...xy(k), width * 1.1, 0, 7);
      pen.fill();
    }
  };

  const heated = (grid) => {
    const [height, width, text] = grid;
    const values = V.bytes(text), table = data.heat;
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(width, height);
    for (let n = 0; n < values.length; n++) {
      const at = 3 * values[n];
      image.data.set([table[at], table[at + 1], table[at + 2], 255], 4 * n);
    }
    pen.putImageData(image, 0, 0);
    return canvas;
  };

  const masks = (pen, key, rows, from, to, size, colour, wanted) => {
    for (let row = from; row < to; row++) {
      if (!rows.mask[row] || !wanted(row)) continue;
      pen.globalAlpha = V.state.opacity;
      pen.drawImage(V.maskCanvas(`${key} ${row}`, rows.mask[row], rgb(colour(row))), 0, 0, ...size);
      pen.globalAlpha = 1;
    }
  };

  const ofRun = (pen, run, n, scale, size, large) => {
    const { objects, fate } = data.runs[run];
    const from = objects.start[n], to = objects.start[n + 1];
    const wanted = (row) => V.shownAt(run, row) && V.wantsClass(objects.label[row]);
    const colour = (row) => colourOf(run, row);
    const dash = DASHES[V.compared().indexOf(run)] ?? DASHES[run];
    if (objects.heat && objects.heat[from]) {
      pen.imageSmoothingQuality = "high";
      pen.globalAlpha = V.state.opacity;
      pen.drawImage(heated(objects.heat[from]), 0, 0, ...size);
      pen.globalAlpha = 1;
    }
    if (objects.mask) masks(pen, run, objects, from, to, size, colour, wanted);
    const width = large ? 2.5 : 1.6;
    if (objects.points) {
      for (let row = from; row < to; row++) {
        if (wanted(row)) limbs(pen, objects.points, 51 * row, scale, large ? 3 : 1.6, null);
      }
    }
    if (objects.box) {
      const last = data.task === "gradcam" ? Math.min(from + 1, to) : to;
      // The likeliest last, so that it lies on top.
      for (let row = last - 1; row >= from; row--) {
        if (!wanted(row)) continue;
        const faint = fate && fate[row] === V.FATE.VOID;
        pen.globalAlpha = faint ? 0.45 : 1;
        box(pen, [...objects.box.subarray(4 * row, 4 * row + 4)], scale, data.task === "gradcam" ? "#ffffff" : colour(row), dash, width);
        pen.globalAlpha = 1;
      }
      for (let row = last - 1; row >= from && large; row--) {
        if (!wanted(row) || Number.isNaN(objects.box[4 * row])) continue;
        const score = objects.score ? ` ${V.score(objects.score[row])}` : "";
        tag(pen, V.className(objects.label[row]) + score, objects.box[4 * row] * scale, objects.box[4 * row + 1] * scale, data.task === "gradcam" ? "#ffffff" : colour(row), large && size[0]);
      }
    }
    if (objects.peak && from < to) {
      const [x, y] = [objects.peak[2 * from] * scale, objects.peak[2 * from + 1] * scale];
      pen.lineWidth = 2;
      for (const [stroke, radius] of [["#000", 6], ["#fff", 5]]) {
        pen.strokeStyle = stroke;
        pen.beginPath();
        pen.arc(x, y, radius, 0, 7);
        pen.stroke();
      }
    }
  };

  // The truth: what was found thin and white, what was missed thick and yellow.
  const ofTruth = (pen, n, scale, size, large) => {
    const { rows } = V.truth;
    const [first] = V.compared();
    const wanted = (row) => V.wantsClass(rows.label[row]);
    const from = rows.start[n], to = rows.start[n + 1];
    const missed = (row) => V.judgesObjects && rows.counted[row] && V.compared().every((run) => V.finder(run, row) < 0);
    if (rows.mask && V.truth.kind === "maps" && !V.state.layers.has(V.letter(first))) {
      masks(pen, "truth", rows, from, to, size, (row) => V.classColour(rows.label[row]), wanted);
    }
    if (rows.mask && V.judgesObjects) {
      masks(pen, "truth", rows, from, to, size, () => OUTCOMES.missed, (row) => wanted(row) && missed(row));
    }
    for (let row = from; row < to; row++) {
      if (!wanted(row)) continue;
      if (!large && !missed(row)) continue;
      if (rows.points) limbs(pen, rows.points, 51 * row, scale, large ? 1.5 : 0.8, "#ffffff");
      if (!rows.box) continue;
      const at = [...rows.box.subarray(4 * row, 4 * row + 4)];
      if (missed(row)) {
        box(pen, at, scale, OUTCOMES.missed, [], large ? 2.5 : 1.8);
        tag(pen, V.className(rows.label[row]), at[0] * scale, Math.min(size[1], at[3] * scale + 19), OUTCOMES.missed, large && size[0]);
      } else {
        pen.globalAlpha = 0.9;
        box(pen, at, scale, rows.counted && !rows.counted[row] ? "#aaaaaa" : "#ffffff", [2, 3], large ? 1.5 : 1);
        pen.globalAlpha = 1;
      }
    }
  };

  V.hasOverlay = V.hasObjects || data.task === "gradcam";

  // Draws picture n on a canvas that lies over it, `width` x `height` CSS pixels.
  V.draw = (canvas, n, width, height, large = false) => {
    const density = Math.min(2, devicePixelRatio || 1);
    canvas.width = Math.max(1, Math.round(width * density));
    canvas.height = Math.max(1, Math.round(height * density));
    const pen = canvas.getContext("2d");
    const whole = data.pictures.width[n];
    if (!V.state.overlay || !whole || !V.hasOverlay) return;
    pen.scale(density, density);
    const scale = width / whole;
    if (V.truth && V.state.layers.has("truth") && (V.truth.rows.box || V.truth.rows.mask)) ofTruth(pen, n, scale, [width, height], large);
    data.runs.forEach((_, run) => {
      if (V.state.layers.has(V.letter(run)) && V.isOk(run, n)) ofRun(pen, run, n, scale, [width, height], large);
    });
  };
})();
