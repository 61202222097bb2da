// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Finds elements by what the page's HTML calls them.
 *
 * @module
 */

/** Returns the element with `id`, which the HTML has. */
export function element<T extends HTMLElement>(id: string, type: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new TypeError(`Cannot find the page's element '${id}'`);
  return found;
}

/** Returns the part of `host:port` that an agent on another machine would use. */
export function hostOf(location: Location): string {
  return location.hostname.includes(":")
    ? `[${location.hostname.replace(/^\[|\]$/g, "")}]`
    : location.hostname;
}
