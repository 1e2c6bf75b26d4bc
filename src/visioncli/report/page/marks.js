"use strict";
// Marks: kept in this browser for this report, and given out as a list of paths for `vision … -`.

(() => {
  const KEY = `vision-report marks ${location.pathname}`;
  const marked = new Set();
  const places = new Map();
  for (let n = V.total - 1; n >= 0; n--) places.set(V.named(n), n);
  // A picture that is near to two queries is there twice, and marked once.
  const first = Uint32Array.from({ length: V.total }, (_, n) => places.get(V.named(n)));

  try {
    for (const name of JSON.parse(localStorage.getItem(KEY) ?? "[]")) if (places.has(name)) marked.add(places.get(name));
  } catch {
    // Some browsers keep nothing for files: marks then last as long as the page.
  }

  const keep = () => {
    try {
      localStorage.setItem(KEY, JSON.stringify([...marked].map(V.named)));
    } catch {
      // As above.
    }
  };

  V.isMarked = (n) => marked.has(first[n]);
  V.samePicture = (a, b) => first[a] === first[b];
  V.markCount = () => marked.size;

  V.mark = (n) => {
    if (n < 0) return;
    if (!marked.delete(first[n])) marked.add(first[n]);
    keep();
    V.say(`${V.named(n)} ${V.isMarked(n) ? "marked" : "no longer marked"}, ${V.count(marked.size)} in all`);
    V.markChanged(n);
  };

  V.markShown = () => {
    for (const n of V.shown) marked.add(first[n]);
    keep();
    V.say(`${V.count(marked.size)} marked in all`);
    V.grid.show({ keepPlace: true });
    V.bar.update();
  };

  V.clearMarks = () => {
    marked.clear();
    keep();
    V.change({ marked: false });
  };

  // The paths of the marked pictures in the page's order. Names with a line end need NUL between them (-0).
  V.markedNames = () => [...marked].sort((a, b) => a - b).map(V.named);

  // Bytes as the file system has them: Python hands over those that are no UTF-8 as lone surrogates.
  const encode = (text) => {
    const bytes = [];
    const utf8 = new TextEncoder();
    for (const character of text) {
      const code = character.codePointAt(0);
      if (code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00);
      else bytes.push(...utf8.encode(character));
    }
    return new Uint8Array(bytes);
  };

  V.markList = () => {
    const names = V.markedNames();
    const end = names.some((name) => name.includes("\n")) ? "\0" : "\n";
    return encode(names.map((name) => name + end).join(""));
  };

  V.exportMarks = () => {
    const nul = V.markedNames().some((name) => name.includes("\n"));
    const link = V.el("a", { href: URL.createObjectURL(new Blob([V.markList()], { type: "text/plain" })), download: "marked.txt" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    V.say(`marked.txt: ${V.counted(marked.size, "path")}${nul ? ", NUL between them: use vision … - -0" : ""}`);
  };

  V.copyMarks = async () => {
    const text = V.markedNames().join("\n");
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = V.el("textarea", { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    V.say(`${V.counted(marked.size, "path")} copied`);
  };

})();
