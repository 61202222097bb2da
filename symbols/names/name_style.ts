// SPDX-License-Identifier: Apache-2.0
/**
 * The setting of how C++ and Rust functions are called, without what it takes to do it.
 *
 * @module
 */

/** `full`: with parameters and type arguments; `short`: without. */
export type NameStyle = typeof NAME_STYLES[number];

export const NAME_STYLES = ["full", "short"] as const;
