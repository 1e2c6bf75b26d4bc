"use strict";
// The columns of data.js as typed arrays. See ../README.md for what they mean.

(() => {
  const KINDS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i4: Int32Array, f4: Float32Array };

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const array = (column) => (column ? new KINDS[column.t](bytes(column.b).buffer) : null);
  const words = (column) => (column ? { words: column.words, codes: array(column.codes) } : null);
  const word = (column, n) => (column ? column.words[column.codes[n]] : "");

  const rows = (body) => {
    const found = { ...body, start: array(body.start), label: array(body.label) };
    for (const name of ["score", "box", "points", "peak", "energy", "share", "counted", "known"]) {
      found[name] = array(body[name]);
    }
    found.method = words(body.method);
    found.by = words(body.by);
    return found;
  };

  const read = (given) => {
    const pictures = {
      ...given.pictures,
      folder: words(given.pictures.folder),
      width: array(given.pictures.width),
      height: array(given.pictures.height),
      problem: words(given.pictures.problem),
    };
    const runs = given.runs.map((run) => {
      const found = { ...run, objects: rows(run.objects), state: array(run.state) };
      for (const name of ["verdict", "margin", "loss", "miou", "fate", "iou", "about", "foundBy"]) {
        found[name] = array(run[name]);
      }
      found.error = words(run.error);
      found.errorKind = words(run.errorKind);
      return found;
    });
    const pairs = given.pairs.map((pair) => ({
      ...pair,
      apart: array(pair.apart),
      firstPartner: array(pair.firstPartner),
      secondPartner: array(pair.secondPartner),
    }));
    const truth = given.truth ? { ...given.truth, rows: rows(given.truth.rows) } : null;
    return { ...given, pictures, runs, pairs, truth, heat: given.heat ? bytes(given.heat) : null };
  };

  V.bytes = bytes;
  V.word = word;
  const data = (V.data = read(VISION_REPORT));
  V.total = data.pictures.name.length;
  V.truth = data.truth;
  // What is in the answers: single objects with a place, or something about the whole picture.
  V.hasObjects = ["detect", "segment", "pose", "caption"].includes(data.task);
  V.judgesObjects = Boolean(V.truth) && ["boxes", "masks", "keypoints"].includes(V.truth.kind);
  V.named = (n) => V.word(data.pictures.folder, n) + data.pictures.name[n];
  V.className = (code) => data.classes.names[code];
  V.classColour = (code) => data.classes.colours[code];

  const source = (folder, key) =>
    data.inside ? `data:image/webp;base64,${key}` : `${folder}/${key.slice(0, 2)}/${key.slice(2)}.webp`;
  V.thumb = (n) => (data.pictures.thumb[n] ? source("thumbs", data.pictures.thumb[n]) : "");
  // The largest copy that there may be: one of the report's own, else the picture itself where it still lies.
  V.large = (n) => {
    if (data.pictures.hasFull && data.pictures.thumb[n]) return source("full", data.pictures.thumb[n]);
    if (data.pictures.full && data.pictures.full[n]) return source("full", data.pictures.full[n]);
    return data.pictures.link ? data.pictures.link[n] : "";
  };
  // Where a recording can be played from.
  V.sound = (n) => (data.pictures.sound ? data.pictures.sound[n] : "");
  // Why a run has nothing to say of a picture.
  V.failure = (run, n) => V.word(data.runs[run].error, n);
})();
