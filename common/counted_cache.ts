// SPDX-License-Identifier: Apache-2.0
/**
 * Caches that hold a number of entries, and take memory for those that are there alone.
 *
 * @module
 */

import { LRUCache } from "lru-cache";

/**
 * Returns a cache of at most `max` entries, of which the one that was used longest ago goes first. With its own option for
 * that, the package makes room for all of them at once, which is some hundred kilobytes in each of many caches.
 */
// deno-lint-ignore ban-types -- What the package itself asks of keys and values.
export function countedCache<K extends {}, V extends {}>(max: number): LRUCache<K, V> {
  return new LRUCache<K, V>({ maxSize: max, sizeCalculation: () => 1 });
}
