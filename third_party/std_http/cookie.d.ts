// SPDX-License-Identifier: Apache-2.0
/** Reads the `Cookie` header; of a name that comes more than once, the last value. */
export function getCookies(headers: Headers): Record<string, string>;
