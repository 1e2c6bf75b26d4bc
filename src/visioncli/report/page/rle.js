"use strict";
// Masks: COCO's compressed run lengths (rleFrString of the COCO API) -> pixels, column by column.

(() => {
  // The lengths of runs of 0 and 1 in turn.
  V.runLengths = (text) => {
    const runs = [];
    for (let at = 0; at < text.length; ) {
      let value = 0, shift = 0, code = 0;
      do {
        code = text.charCodeAt(at++) - 48;
        value |= (code & 31) << shift;
        shift += 5;
      } while (code & 32);
      if (code & 16) value |= -1 << shift;
      if (runs.length > 2) value += runs[runs.length - 2];
      runs.push(value);
    }
    return runs;
  };

  // A canvas of the mask's own size in one colour: [red, green, blue].
  const paint = ([height, width, counts], colour) => {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext("2d");
    const image = pen.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const ink = (255 << 24) | (colour[2] << 16) | (colour[1] << 8) | colour[0];
    let at = 0, inside = false;
    for (const length of V.runLengths(counts)) {
      if (inside) {
        for (let p = at; p < at + length; p++) pixels[(p % height) * width + Math.floor(p / height)] = ink;
      }
      at += length;
      inside = !inside;
    }
    pen.putImageData(image, 0, 0);
    return canvas;
  };

  // Painted masks are kept for as long as they are likely to be drawn again.
  const MOST = 400;
  const kept = new Map();
  V.maskCanvas = (key, mask, colour) => {
    const name = `${key} ${colour}`;
    let found = kept.get(name);
    if (found) kept.delete(name);
    else found = paint(mask, colour);
    kept.set(name, found);
    if (kept.size > MOST) kept.delete(kept.keys().next().value);
    return found;
  };
})();
