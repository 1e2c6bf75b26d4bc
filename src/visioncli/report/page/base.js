"use strict";
// What all other scripts of the page stand on. Text from outside only ever becomes textContent, never markup.

const V = {};

// An element with properties, text and children: el("button.ghost", {type: "button"}, "Export").
V.el = (what, properties = {}, ...children) => {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  node.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria") || name === "role" || name.startsWith("data-")) {
      node.setAttribute(name.startsWith("aria") ? `aria-${name.slice(4).toLowerCase()}` : name, value);
    } else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
};

V.svg = (tag, attributes = {}, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
};

V.at = (id) => document.getElementById(id);

V.fill = (node, ...children) => {
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
};

const grouped = new Intl.NumberFormat("en");

V.count = (number) => grouped.format(number);
V.counted = (number, one, many = `${one}s`) => `${V.count(number)} ${number === 1 ? one : many}`;

// A score: .912, 1, 0, and nothing where there is none.
V.score = (value) => (Number.isNaN(value) ? "–" : value.toFixed(value < 0.0995 && value > 0 ? 3 : 2));
V.percent = (value, digits = 1) => (value === null || Number.isNaN(value) ? "–" : `${(100 * value).toFixed(digits)} %`);

V.letter = (run) => "ABC"[run];

V.say = (text) => {
  V.at("say").textContent = text;
};

// The last call of a burst, once the browser has time to draw.
V.soon = (work) => {
  let waiting = 0;
  return () => {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      work();
    });
  };
};
