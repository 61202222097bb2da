// SPDX-License-Identifier: Apache-2.0

// What the SVG does in a browser: zoom, search, a tooltip, the window's width. Plain JavaScript without imports:
// svg.ts puts it into the file, after fit.js, with their `export` words taken away. Without it the drawing stands.

import { cutEnd } from "./fit.js";

/**
 * Returns which boxes show when one is zoomed into, and where: its ancestors in full width, and its descendants.
 *
 * @param {{start: number, width: number, level: number}[]} boxes in shares of the whole
 * @param {{start: number, width: number, level: number}} focus
 * @returns {({x: number, width: number, above: boolean} | undefined)[]} in shares of the view
 */
export function zoomTo(boxes, focus) {
  const end = focus.start + focus.width;
  // Shares are rounded when they are written.
  const slack = 1e-7;
  return boxes.map((box) => {
    const above = box.level < focus.level;
    const boxEnd = box.start + box.width;
    if (above) {
      const holds = box.start <= focus.start + slack && boxEnd >= end - slack;
      return holds ? { x: 0, width: 1, above } : undefined;
    }
    if (box.start < focus.start - slack || boxEnd > end + slack) return undefined;
    return { x: (box.start - focus.start) / focus.width, width: box.width / focus.width, above };
  });
}

/**
 * Returns the share of the view that boxes with a match cover; a match within another one's width counts once.
 *
 * @param {({x: number, width: number} | undefined)[]} places
 * @param {boolean[]} matched
 * @returns {number}
 */
export function coveredBy(places, matched) {
  const spans = [];
  places.forEach((place, i) => place && matched[i] && spans.push([place.x, place.x + place.width]));
  spans.sort((a, b) => a[0] - b[0]);
  let covered = 0;
  let reached = 0;
  for (const [from, to] of spans) {
    covered += Math.max(0, to - Math.max(from, reached));
    reached = Math.max(reached, to);
  }
  return Math.min(covered, 1);
}

/**
 * Returns a test by what was typed: a regular expression where it is one, else the text itself; case counts when there
 * is an upper-case letter in it.
 *
 * @param {string} text
 * @returns {(name: string) => boolean}
 */
export function matcherOf(text) {
  const flags = text === text.toLowerCase() ? "iu" : "u";
  try {
    const pattern = new RegExp(text, flags);
    return (name) => pattern.test(name);
  } catch {
    const fold = (name) => flags === "iu" ? name.toLowerCase() : name;
    return (name) => fold(name).includes(fold(text));
  }
}

const SVG = "http://www.w3.org/2000/svg";

function create(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}

/** Reads what the drawing says of each box, in shares of the whole; the browser's own, slow tooltips are taken away. */
function readBoxes(svg) {
  const total = Number(svg.dataset.total);
  return [...svg.querySelectorAll("#boxes > g")].map((group) => {
    const title = group.querySelector("title");
    title.remove();
    const [name, module, ...lines] = title.textContent.split("\n");
    const [from, width] = group.dataset.at.split(" ").map(Number);
    return {
      start: from / total,
      width: width / total,
      level: Number(group.dataset.level),
      name,
      module,
      lines,
      group,
      rect: group.querySelector("rect"),
      text: group.querySelector("text"),
    };
  });
}

/** Within a page of another's, the width is that page's matter. */
function viewWidth(svg) {
  return document.documentElement === svg ? Math.max(globalThis.innerWidth, 480) : 1200;
}

/** Puts a box, which has its place in the view or none, where it belongs. */
function drawBox(box, place, { room, pad, column }) {
  const width = place ? place.width * room : 0;
  const shown = width >= 0.1;
  box.group.style.display = shown ? "" : "none";
  if (!shown) return;
  const x = pad + place.x * room;
  box.rect.setAttribute("x", x.toFixed(2));
  box.rect.setAttribute("width", Math.max(width - 0.5, 0.1).toFixed(2));
  box.group.classList.toggle("above", place.above);
  const label = cutEnd(box.name, Math.floor((width - 7) / column));
  if (label === "" && !box.text) return;
  box.text ??= create("text", { y: Number(box.rect.getAttribute("y")) + 12.5 }, box.group);
  box.text.setAttribute("x", (x + 3.5).toFixed(2));
  box.text.textContent = label;
}

/** Adds the field to search in, and the word that resets; they are placed from the right. */
function addTools(svg) {
  const tools = create("g", { id: "tools" }, svg);
  const holder = create("foreignObject", { y: 10, width: 250, height: 28, class: "right" }, tools);
  holder.dataset.right = "250";
  const input = document.createElementNS("http://www.w3.org/1999/xhtml", "input");
  input.type = "search";
  input.placeholder = "Search (regular expression)";
  input.setAttribute("aria-label", "Search functions");
  holder.append(input);
  const reset = create("text", { y: 28, class: "right button", tabindex: 0, role: "button" }, tools);
  reset.dataset.right = "300";
  reset.textContent = "Reset";
  return { input, reset };
}

/** Adds a tooltip that keeps within the window. */
function addTip(svg, column) {
  const tip = create("g", { id: "tip", "pointer-events": "none" }, svg);
  const back = create("rect", { rx: 5 }, tip);
  const hide = () => tip.style.display = "none";
  hide();
  const show = ({ name, module, lines }, event) => {
    const shown = [name, ...(module ? [module] : []), ...lines];
    while (tip.children.length > 1) tip.lastChild.remove();
    const most = Math.floor((viewWidth(svg) - 40) / column);
    const texts = shown.map((line, i) => {
      const text = create("text", { y: 20 + 17 * i, x: 11, class: i === 0 ? "name" : "" }, tip);
      text.textContent = cutEnd(line, most);
      return text;
    });
    tip.style.display = "";
    const width = Math.max(...texts.map((text) => text.getComputedTextLength())) + 22;
    const height = 17 * shown.length + 13;
    back.setAttribute("width", width);
    back.setAttribute("height", height);
    const matrix = svg.getScreenCTM().inverse();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    const bottom = new DOMPoint(0, globalThis.innerHeight).matrixTransform(matrix).y;
    const lowest = Math.min(svg.viewBox.baseVal.height, bottom);
    const x = Math.max(4, Math.min(at.x + 14, viewWidth(svg) - width - 6));
    const y = at.y + 18 + height > lowest ? Math.max(4, at.y - height - 10) : at.y + 18;
    tip.setAttribute("transform", `translate(${x} ${y})`);
  };
  return { show, hide };
}

/** Makes the drawing answer. */
class FlameView {
  #svg;
  #boxes;
  #focus;
  #places;
  #query = "";
  #matched;
  #tools;

  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.#svg = svg;
    this.#boxes = readBoxes(svg);
    this.#focus = this.#boxes[0];
    this.#places = zoomTo(this.#boxes, this.#focus);
    this.#matched = this.#boxes.map(() => false);
    this.#tools = addTools(svg);
    this.#followMouse();
    this.#followKeys();
    addEventListener("resize", () => this.#draw());
    this.#draw();
  }

  #draw() {
    const svg = this.#svg;
    const [pad, column] = [Number(svg.dataset.pad), Number(svg.dataset.column)];
    const width = viewWidth(svg);
    svg.setAttribute("viewBox", `0 0 ${width} ${svg.viewBox.baseVal.height}`);
    svg.setAttribute("width", width);
    for (const element of svg.querySelectorAll(".right")) {
      element.setAttribute("x", width - pad - Number(element.dataset.right));
    }
    this.#boxes.forEach((box, i) => {
      drawBox(box, this.#places[i], { room: width - 2 * pad, pad, column });
      box.group.classList.toggle("match", this.#matched[i]);
    });
    svg.querySelector("#status").textContent = this.#status();
    this.#tools.reset.style.display = this.#focus === this.#boxes[0] && this.#query === "" ? "none" : "";
  }

  #status() {
    if (this.#query === "") return this.#focus === this.#boxes[0] ? "" : `zoomed: ${this.#focus.name}`;
    const found = this.#matched.filter((matched, i) => matched && this.#places[i]).length;
    const share = percent(coveredBy(this.#places, this.#matched));
    return `${share} matched in ${found} ${found === 1 ? "box" : "boxes"}`;
  }

  #zoom(box) {
    this.#focus = box;
    this.#places = zoomTo(this.#boxes, box);
    this.#draw();
  }

  #search(text) {
    this.#tools.input.value = text;
    this.#query = text;
    const test = matcherOf(text);
    this.#matched = this.#boxes.map(({ name, module }) => text !== "" && (test(name) || test(module)));
    this.#draw();
  }

  #reset() {
    this.#search("");
    this.#zoom(this.#boxes[0]);
  }

  #followMouse() {
    const frame = this.#svg.querySelector("#boxes");
    const tip = addTip(this.#svg, Number(this.#svg.dataset.column));
    const byGroup = new Map(this.#boxes.map((box) => [box.group, box]));
    const boxAt = (event) => byGroup.get(event.target.closest("#boxes > g"));
    frame.addEventListener("click", (event) => {
      const box = boxAt(event);
      if (box) this.#zoom(box);
    });
    frame.addEventListener("mousemove", (event) => {
      const box = boxAt(event);
      if (box) tip.show(box, event);
      else tip.hide();
    });
    frame.addEventListener("mouseleave", tip.hide);
    this.#tools.reset.addEventListener("click", () => this.#reset());
  }

  #followKeys() {
    const { input, reset } = this.#tools;
    input.addEventListener("input", () => this.#search(input.value));
    reset.addEventListener("keydown", (event) => event.key === "Enter" && this.#reset());
    addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "f") {
        // A second time is for the browser's own search.
        if (document.activeElement === input) return;
        event.preventDefault();
        input.focus();
        input.select();
      } else if (event.key === "Escape") {
        if (this.#query !== "") this.#search("");
        else this.#zoom(this.#boxes[0]);
      }
    });
  }
}

/** @param {SVGSVGElement} svg */
export function start(svg) {
  new FlameView(svg);
}
