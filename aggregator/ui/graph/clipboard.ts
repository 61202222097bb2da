// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Copies text, also where the page came by plain HTTP and browsers keep their clipboard to themselves.
 *
 * @module
 */

import type { App } from "../parts/app.ts";
import { h } from "../parts/dom.ts";

/** @returns whether it was copied */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = h("textarea", { class: "hidden" });
    field.value = text;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}

/** Copies text, and says whether that was possible. @param what is what the text is called */
export async function copyAndSay({ say }: Pick<App, "say">, text: string, what: string): Promise<void> {
  say(await copyText(text) ? `Copied the ${what}` : `The browser does not let the ${what} be copied`);
}
