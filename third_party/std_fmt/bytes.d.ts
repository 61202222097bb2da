export interface FormatOptions {
  /** KiB in place of kB. @default {false} */
  binary?: boolean;
  maximumFractionDigits?: number;
  minimumFractionDigits?: number;
}

export function format(num: number, options?: FormatOptions): string;
