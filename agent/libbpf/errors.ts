// SPDX-License-Identifier: Apache-2.0
/**
 * Errors of C functions, with libbpf's own words where it has some.
 *
 * @module
 */

import { type Library, openLibrary } from "./library.ts";

export const ENOENT = 2;
export const ENOSPC = 28;

/** The verifier's log says at its end why it refused; its begin is of no use and may be megabytes. */
const MAX_LOG_LINES = 40;

/** Tells which error a C function failed with. */
export class BpfError extends Error {
  override name = "BpfError";
  /** It is positive. */
  readonly errno: number;

  constructor(message: string, errno: number, options?: ErrorOptions) {
    super(message, options);
    this.errno = errno;
  }
}

/**
 * Returns the error of a call that failed with `errno`.
 *
 * @param doing completes "Cannot …"
 * @param log what libbpf said
 */
export function bpfError(
  { libc }: Library,
  { doing, errno, log = [] }: { doing: string; errno: number; log?: readonly string[] },
): BpfError {
  const text = libc.strerror(errno);
  const reason = text ? Deno.UnsafePointerView.getCString(text) : "unknown error";
  const lines = log.join("").trimEnd().split("\n").filter((line) => line !== "");
  const hidden = lines.length - MAX_LOG_LINES;
  const tail = hidden > 0 ? [`(${hidden} lines before)`, ...lines.slice(-MAX_LOG_LINES)] : lines;
  const said = tail.length > 0 ? `\nlibbpf says:\n${tail.map((line) => `  ${line}`).join("\n")}` : "";
  return new BpfError(`Cannot ${doing}: ${reason} (errno ${errno})${said}`, errno);
}

/** Returns errno of the C function that was called last on this thread. */
export function lastErrno({ libc }: Library): number {
  return new Deno.UnsafePointerView(libc.__errno_location()!).getInt32();
}

/** Throws the error of `result` when it is a negative errno, else returns it. */
export function check(library: Library, result: number, doing: string): number {
  if (result < 0) throw bpfError(library, { doing, errno: -result });
  return result;
}

/** Returns `pointer`; where it is null, throws the error that errno tells. */
export function checkPointer(
  library: Library,
  call: () => Deno.PointerValue,
  doing: string,
): Deno.PointerObject {
  const log = captureLog(library, () => {
    const pointer = call();
    return { pointer, errno: pointer ? 0 : lastErrno(library) };
  });
  const { pointer, errno } = log.result;
  if (!pointer) throw bpfError(library, { doing, errno, log: log.lines });
  return pointer;
}

/**
 * Collects what libbpf says (warnings and notes, not its debugging) while `fn` runs; outside of it, it writes to
 * standard error. `fn` must not wait.
 */
export function captureLog<T>({ bpf, libc }: Library, fn: () => T): { result: T; lines: string[] } {
  const lines: string[] = [];
  const text = new BigUint64Array(1);
  const callback = new Deno.UnsafeCallback(
    { parameters: ["i32", "pointer", "pointer"], result: "i32" },
    (level, format, args) => {
      // A va_list is passed as an address in the calling conventions of amd64 and arm64, so it can be handed on
      // as it came, once.
      if (level >= LIBBPF_DEBUG || libc.vasprintf(text, format, args) < 0) return 0;
      const line = Deno.UnsafePointer.create(text[0]!)!;
      lines.push(Deno.UnsafePointerView.getCString(line));
      libc.free(line);
      return 0;
    },
  );
  const before = bpf.libbpf_set_print(callback.pointer);
  try {
    return { result: fn(), lines };
  } finally {
    bpf.libbpf_set_print(before);
    callback.close();
  }
}

/** enum libbpf_print_level. */
const LIBBPF_DEBUG = 2;

/** Returns `text` as C has it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text + "\0");
}

/** Runs `fn` with a hold on the libraries that outlives only a success. */
export function withLibrary<T>(fn: (library: Library) => T): T {
  const library = openLibrary();
  try {
    return fn(library);
  } catch (error) {
    library[Symbol.dispose]();
    throw error;
  }
}
