// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Makes and finds elements.
 *
 * @module
 */

/** Is what an element is made with: attributes, and listeners by `on…`. What is `undefined` or `false` is left out. */
export type Props = Readonly<
  Record<string, string | number | boolean | undefined | ((event: never) => void)>
>;
export type Child = Node | string | undefined | false;

/** Makes an element: `h("button", { class: "chip", onclick: remove }, "×")`. Text is never read as markup. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = put(document.createElement(tag), props, children);
  if (tag === "button" && !("type" in props)) made.setAttribute("type", "button");
  return made;
}

function put<E extends Element>(made: E, props: Props, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name.slice(2), value as EventListener);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** Makes an element of SVG, in the same way. */
export function svg(tag: string, props: Props = {}, ...children: readonly Node[]): SVGElement {
  return put(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

/** Returns the element with `id`, which the HTML has. */
export function element<T extends HTMLElement>(id: string, type: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new TypeError(`Cannot find the page's element '${id}'`);
  return found;
}

/** Makes a group of buttons of which one is pressed. */
export function choice<T extends string>(
  label: string,
  options: readonly (readonly [value: T, text: string, key?: string])[],
  onchoose: (value: T) => void,
): {
  readonly root: HTMLElement;
  show(value: T): void;
  /** Writes other texts on the buttons. */
  write(texts: Readonly<Record<T, string>>): void;
} {
  const buttons = options.map(([value, text, key]) =>
    h("button", { "data-value": value, title: key && `Key: ${key}`, onclick: () => onchoose(value) }, text)
  );
  return {
    root: h("div", { class: "choice", role: "group", "aria-label": label }, ...buttons),
    show(value) {
      for (const button of buttons) {
        button.setAttribute("aria-pressed", String(button.dataset["value"] === value));
      }
    },
    write(texts) {
      for (const button of buttons) button.textContent = texts[button.dataset["value"] as T];
    },
  };
}

/** Gives what the browser is to save under `name`, which says what it is. */
export function saveFile(name: string, content: Blob | string): void {
  const url = URL.createObjectURL(new Blob([content]));
  const link = h("a", { href: url, download: name });
  link.click();
  // The browser has taken it by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
