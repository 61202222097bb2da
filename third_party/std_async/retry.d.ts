/** All tries failed; `cause` is the last error. */
export class RetryError extends Error {
  constructor(cause: unknown, attempts: number);
}

export interface RetryOptions {
  /** @default {2} */
  multiplier?: number;
  /** @default {60000} */
  maxTimeout?: number;
  /** @default {5} */
  maxAttempts?: number;
  /** @default {1000} */
  minTimeout?: number;
  /** 0: none, 1: full. @default {1} */
  jitter?: number;
  isRetriable?: (err: unknown) => boolean;
  signal?: AbortSignal;
}

export function retry<T>(fn: (() => Promise<T>) | (() => T), options?: RetryOptions): Promise<T>;
