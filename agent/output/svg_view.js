// What the SVG does in a browser: zoom, search, a tooltip, the window's width. Plain JavaScript without imports:
// svg.ts puts it into the file, after fit.js, with their `export` words taken away. Without it the drawing stands.

import { cutEnd } from "./fit.js";

/**
 * Which of the boxes show when one is zoomed into, and where: its own stack below, and what it stands on in full.
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
 * The share of the view that boxes with a match cover; one on top of another counts once.
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
 * A test of what was typed: a regular expression where it is one, else the text itself; case counts when there
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

/** @param {SVGSVGElement} svg */
export function start(svg) {
  const SVG = "http://www.w3.org/2000/svg";
  const { pad, column, total } = Object.fromEntries(
    Object.entries(svg.dataset).map(([key, text]) => [key, Number(text)]),
  );
  const height = svg.viewBox.baseVal.height;
  const frame = svg.querySelector("#boxes");
  const status = svg.querySelector("#status");
  const groups = [...frame.children];
  const boxes = groups.map((group) => {
    const [rect, title] = [group.querySelector("rect"), group.querySelector("title")];
    // The browser's own tooltip is slow to come and hard to read.
    title.remove();
    const [name, module, ...lines] = title.textContent.split("\n");
    const [from, width] = group.dataset.at.split(" ").map(Number);
    const level = Number(group.dataset.level);
    const text = group.querySelector("text");
    return { start: from / total, width: width / total, level, name, module, lines, group, rect, text };
  });
  let focus = boxes[0];
  let places = zoomTo(boxes, focus);
  let query = "";
  let matched = boxes.map(() => false);

  const create = (name, attributes, parent) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  };
  const percent = (share) => `${(100 * share).toFixed(2)} %`;

  function draw() {
    const room = viewWidth() - 2 * pad;
    svg.setAttribute("viewBox", `0 0 ${viewWidth()} ${height}`);
    svg.setAttribute("width", viewWidth());
    boxes.forEach((box, i) => {
      const place = places[i];
      const width = place ? place.width * room : 0;
      const shown = width >= 0.1;
      box.group.style.display = shown ? "" : "none";
      if (!shown) return;
      const x = pad + place.x * room;
      box.rect.setAttribute("x", x.toFixed(2));
      box.rect.setAttribute("width", Math.max(width - 0.5, 0.1).toFixed(2));
      box.group.classList.toggle("above", place.above);
      box.group.classList.toggle("match", matched[i]);
      const label = cutEnd(box.name, Math.floor((width - 7) / column));
      if (label === "" && !box.text) return;
      box.text ??= create("text", { y: Number(box.rect.getAttribute("y")) + 12.5 }, box.group);
      box.text.setAttribute("x", (x + 3.5).toFixed(2));
      box.text.textContent = label;
    });
    const found = matched.filter((m, i) => m && places[i]).length;
    status.textContent = query === ""
      ? focus === boxes[0] ? "" : `zoomed: ${focus.name}`
      : `${percent(coveredBy(places, matched))} matched in ${found} ${found === 1 ? "box" : "boxes"}`;
    for (const element of svg.querySelectorAll(".right")) {
      element.setAttribute("x", viewWidth() - pad - Number(element.dataset.right));
    }
    reset.style.display = focus === boxes[0] && query === "" ? "none" : "";
  }

  function viewWidth() {
    // Within a page of another's, the width is that page's matter.
    return document.documentElement === svg ? Math.max(globalThis.innerWidth, 480) : 1200;
  }

  function zoom(box) {
    focus = box;
    places = zoomTo(boxes, focus);
    draw();
  }

  function search(text) {
    query = text;
    const test = matcherOf(text);
    matched = boxes.map(({ name, module }) => text !== "" && (test(name) || test(module)));
    draw();
  }

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

  const tip = create("g", { id: "tip", "pointer-events": "none" }, svg);
  const tipBox = create("rect", { rx: 5 }, tip);
  const hide = () => tip.style.display = "none";
  hide();

  function showTip(box, event) {
    const lines = [box.name, ...(box.module ? [box.module] : []), ...box.lines];
    while (tip.children.length > 1) tip.lastChild.remove();
    const most = Math.floor((viewWidth() - 40) / column);
    const texts = lines.map((line, i) => {
      const text = create("text", { y: 20 + 17 * i, x: 11, class: i === 0 ? "name" : "" }, tip);
      text.textContent = cutEnd(line, most);
      return text;
    });
    tip.style.display = "";
    const width = Math.max(...texts.map((text) => text.getComputedTextLength())) + 22;
    const tall = 17 * lines.length + 13;
    tipBox.setAttribute("width", width);
    tipBox.setAttribute("height", tall);
    const matrix = svg.getScreenCTM().inverse();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    const bottom = new DOMPoint(0, globalThis.innerHeight).matrixTransform(matrix).y;
    const x = Math.max(4, Math.min(at.x + 14, viewWidth() - width - 6));
    const y = at.y + 18 + tall > Math.min(height, bottom) ? Math.max(4, at.y - tall - 10) : at.y + 18;
    tip.setAttribute("transform", `translate(${x} ${y})`);
  }

  const boxAt = (event) => boxes[groups.indexOf(event.target.closest("#boxes > g"))];
  frame.addEventListener("click", (event) => {
    const box = boxAt(event);
    if (box) zoom(box);
  });
  frame.addEventListener("mousemove", (event) => {
    const box = boxAt(event);
    if (box) showTip(box, event);
    else hide();
  });
  frame.addEventListener("mouseleave", hide);
  function clear() {
    input.value = "";
    focus = boxes[0];
    places = zoomTo(boxes, focus);
    search("");
  }
  reset.addEventListener("click", clear);
  reset.addEventListener("keydown", (event) => event.key === "Enter" && clear());
  input.addEventListener("input", () => search(input.value));
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "f") {
      // A second time is for the browser's own search.
      if (document.activeElement === input) return;
      event.preventDefault();
      input.focus();
      input.select();
    } else if (event.key === "Escape") {
      if (query !== "") {
        input.value = "";
        search("");
      } else zoom(boxes[0]);
    }
  });
  addEventListener("resize", draw);
  draw();
}
