// SPDX-License-Identifier: Apache-2.0
export interface FormatOptions {
  /** KiB in place of kB. @default {false} */
  binary?: boolean;
  maximumFractionDigits?: number;
  minimumFractionDigits?: number;
}

export function format(num: number, options?: FormatOptions): string;
