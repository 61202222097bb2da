// SPDX-License-Identifier: Apache-2.0
/**
 * Declares ClickHouse's errors: a code, a name and the HTTP status its server would answer with.
 *
 * @module
 */

/** Lists the codes of the errors that do not come from the engine. */
export const CODE = {
  NOT_IMPLEMENTED: 48,
  SYNTAX_ERROR: 62,
  UNKNOWN_SETTING: 115,
  TOO_MANY_SIMULTANEOUS_QUERIES: 202,
  QUERY_IS_TOO_LARGE: 223,
  REQUIRED_PASSWORD: 194,
  AUTHENTICATION_FAILED: 516,
  ABORTED: 236,
  ZLIB_INFLATE_FAILED: 354,
} as const;

const NAMES = new Map<number, string>(Object.entries(CODE).map(([name, code]) => [code, name]));

/** A query failed; `message` is ClickHouse's text with its code and name, as its HTTP interface gives it. */
export class EngineError extends Error {
  override name = "EngineError";
  /** Is ClickHouse's error code; 1001 (a foreign exception) where its text has none. */
  readonly code: number;

  constructor(message: string, code = codeOf(message)) {
    super(message);
    this.code = code;
  }

  /** Returns an error that the front itself raises, worded as the engine's are. */
  static of(code: (typeof CODE)[keyof typeof CODE], text: string): EngineError {
    return new EngineError(`Code: ${code}. DB::Exception: ${text}. (${NAMES.get(code)})`, code);
  }
}

/** Returns the code in a text like `Code: 60. DB::Exception: …`. */
export function codeOf(message: string): number {
  return Number(/^(?:Code: |.*?\bCode: )(\d+)\./s.exec(message)?.[1] ?? 1001);
}

/** Follows ClickHouse's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp, by number. */
const STATUSES: ReadonlyMap<number, number> = new Map([
  [401, [194]],
  [403, [192, 193, 497, 512, 516]],
  // deno-fmt-ignore
  [400, [36, 427, 6, 25, 26, 38, 41, 72, 441, 675, 676, 27, 376, 15, 44, 8, 167, 168, 170, 62, 117, 53, 321]],
  [404, [60, 46, 47, 50, 56, 81, 115, 163, 63, 73, 336, 78, 511]],
  [413, [223]],
  [501, [48]],
  [503, [209, 76, 439]],
  [411, [381]],
  [408, [159]],
  [415, [715]],
].flatMap(([status, codes]) => (codes as number[]).map((code) => [code, status as number] as const)));

/** Returns the HTTP status that ClickHouse's server gives with an error of `code`. */
export function httpStatus(code: number): number {
  return STATUSES.get(code) ?? 500;
}
