// SPDX-License-Identifier: Apache-2.0
/**
 * Has what `aperture top` shows now, and how keys change it.
 *
 * @module
 */

import { type Kind, KINDS } from "../../profile/model.ts";

export interface View {
  readonly kind: Kind;
  /** Rows without this text in their names are left out; "" shows all. */
  readonly filter: string;
  /** Only this process; "" for all. */
  readonly process: string;
  /** Shows threads that have nothing to do, too. */
  readonly idle: boolean;
  /** Is what is being typed, and for which of both; `undefined` while nothing is. */
  readonly typing: { readonly what: "filter" | "process"; readonly text: string } | undefined;
  readonly ended: boolean;
}

const ESCAPE = "\x1b";
const MAX_TYPED = 200;

/** Returns the view after the keys of `text`, as a terminal without line editing sends them. */
export function press(view: View, text: string): View {
  // An arrow or the like: none of them means anything here.
  if (text.startsWith(ESCAPE) && text.length > 1) return view;
  let next = view;
  for (const key of text) next = next.typing ? type(next, key) : command(next, key);
  return next;
}

function command(view: View, key: string): View {
  const kind = KINDS[Number(key) - 1];
  if (/^[1-3]$/.test(key) && kind !== undefined) return { ...view, kind };
  switch (key) {
    case "q":
    case "\x03":
      return { ...view, ended: true };
    case "/":
      return { ...view, typing: { what: "filter", text: "" } };
    case "i":
      return { ...view, idle: !view.idle };
    case "p":
      return { ...view, typing: { what: "process", text: "" } };
    default:
      return view;
  }
}

function type(view: View, key: string): View {
  const { what, text } = view.typing!;
  switch (key) {
    case "\r":
    case "\n":
      return { ...view, [what]: text.trim(), typing: undefined };
    case ESCAPE:
      return { ...view, typing: undefined };
    case "\x03":
      return { ...view, ended: true };
    case "\x7f":
    case "\b":
      return { ...view, typing: { what, text: [...text].slice(0, -1).join("") } };
    default:
      return key < " " || text.length >= MAX_TYPED ? view : { ...view, typing: { what, text: text + key } };
  }
}

/** Returns the line that says what can be done, or what is being typed. */
export function footer({ typing, filter, process, idle }: View): string {
  if (typing) return `${typing.what === "filter" ? "show only" : "process"}: ${typing.text}_`;
  const set = [
    ...filter === "" ? [] : [`only ${filter}`],
    ...process === "" ? [] : [`process ${process}`],
    ...idle ? ["with idle threads"] : [],
  ];
  return ["1 cpu  2 lock  3 syscall  / filter  p process  i idle  q quit", ...set].join("  ·  ");
}
