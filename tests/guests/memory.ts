// SPDX-License-Identifier: Apache-2.0
/**
 * Bounds what the maps of each part may use: an emulated machine takes seconds to make larger ones.
 *
 * @module
 */

export const MEMORY_BYTES = 8 << 20;
