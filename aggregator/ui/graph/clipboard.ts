// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Copies text, also where the page came by plain HTTP and browsers keep their clipboard to themselves.
 *
 * @module
 */

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
