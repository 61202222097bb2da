// SPDX-License-Identifier: Apache-2.0

export * from "./library.ts";
export { assertEquals } from "./equals.ts";
