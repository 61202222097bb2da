// SPDX-License-Identifier: Apache-2.0
export interface FormatOptions {
  /** @default {"narrow"} */
  style?: "narrow" | "digital" | "full";
  /** @default {false} */
  ignoreZero?: boolean;
}

export function format(ms: number, options?: FormatOptions): string;
