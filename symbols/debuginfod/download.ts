// SPDX-License-Identifier: Apache-2.0
/**
 * One file from one debuginfod server, `GET URL/buildid/BUILDID/debuginfo` (debuginfod(8), WEBAPI).
 *
 * @module
 */

import { fetchFailure } from "../../common/fetch_failure.ts";
import { verifyDebugFile } from "../elf/verify_debug_file.ts";
import { RegularFile } from "../elf/regular_file.ts";
import type { Part } from "./cache.ts";

/** A server that gives less than this in `stallMs` is not worth waiting for, as for debuginfod's own client. */
const LEAST_BYTES = 100 << 10;
const TOO_LARGE = "too large";

export interface DownloadOptions {
  /** A larger file is given up. */
  readonly maxBytes: number;
  /** At least 100 KiB must come, or the file end, each so many ms; 0 waits for ever. */
  readonly stallMs: number;
  readonly signal: AbortSignal;
  readonly client?: Deno.HttpClient | undefined;
}

export type Outcome =
  | { readonly kind: "found"; readonly size: number; readonly modified: Date | undefined }
  /** The server answered, and does not have it. */
  | { readonly kind: "not found" }
  | { readonly kind: "too large" }
  /** The bytes that came are not the file. */
  | { readonly kind: "rejected"; readonly reason: string }
  /** This file cannot be had from it now. */
  | { readonly kind: "failed"; readonly reason: string }
  /** Nothing can be had from it now. */
  | { readonly kind: "no answer"; readonly reason: string };

/** A server's address; credentials in it are sent as fetch wants them, and never shown. */
export class ServerUrl {
  /** The URL, without credentials and a slash behind. */
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(url: URL) {
    const bare = new URL(url);
    bare.username = bare.password = "";
    this.text = bare.href.replace(/\/+$/, "");
    const user = `${decoded(url.username)}:${decoded(url.password)}`;
    this.headers = user === ":"
      ? {}
      : { authorization: `Basic ${new TextEncoder().encode(user).toBase64()}` };
  }

  debugInfo(buildId: string): string {
    return `${this.text}/buildid/${buildId}/debuginfo`;
  }
}

/** Decodes a name or password of a URL, in which a % may also stand for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Downloads the debug file of `buildId` to `part`, and proves it. Of what came otherwise, the caller disposes. */
export async function download(
  server: ServerUrl,
  buildId: string,
  part: Part,
  { maxBytes, stallMs, signal, client }: DownloadOptions,
): Promise<Outcome> {
  using progress = new Progress(stallMs, signal);
  let answered = false;
  try {
    const response = await fetch(server.debugInfo(buildId), {
      signal: progress.signal,
      headers: { ...server.headers, "x-debuginfod-maxsize": `${maxBytes}` },
      ...client ? { client } : {},
    });
    answered = true;
    const refused = refusal(response, maxBytes);
    if (refused) {
      await response.body?.cancel();
      return refused;
    }
    const size = await writeBody(response, part.file, { maxBytes, progress });
    if (size === TOO_LARGE) return { kind: "too large" };
    using file = RegularFile.open(part.path)!;
    const reason = verifyDebugFile(file, buildId);
    if (reason !== undefined) return { kind: "rejected", reason };
    const modified = new Date(response.headers.get("last-modified") ?? NaN);
    return { kind: "found", size, modified: isNaN(modified.getTime()) ? undefined : modified };
  } catch (error) {
    if (signal.aborted) throw error;
    const reason = progress.stalled ? `less than 100 KiB in ${stallMs / 1000} s` : fetchFailure(error);
    // A server that sends its callers in circles is there, too.
    return { kind: answered || /redirect/i.test(reason) ? "failed" : "no answer", reason };
  }
}

/** Returns what the server says instead of the file. */
function refusal({ status, headers }: Response, maxBytes: number): Outcome | undefined {
  if (status === 200) {
    return Number(headers.get("content-length")) > maxBytes ? { kind: "too large" } : undefined;
  }
  const reason = `HTTP status ${status}`;
  switch (status) {
    case 404:
    case 410:
      return { kind: "not found" };
    case 406: // debuginfod's own, to the header about the size.
    case 413:
      return { kind: "too large" };
    case 429:
    case 502:
    case 503:
    case 504:
      return { kind: "no answer", reason };
    default:
      return { kind: "failed", reason };
  }
}

async function writeBody(
  { body }: Response,
  file: Deno.FsFile,
  { maxBytes, progress }: { maxBytes: number; progress: Progress },
): Promise<number | typeof TOO_LARGE> {
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > maxBytes) return TOO_LARGE; // Leaving the loop cancels the body.
    progress.add(chunk.length);
    let rest = chunk;
    while (rest.length > 0) rest = rest.subarray(await file.write(rest));
  }
  return size;
}

/** A signal that aborts when too little comes, or with another one. */
class Progress implements Disposable {
  // Not AbortSignal.any(): what it gives may be collected as garbage while it is still waited on.
  readonly #stop = new AbortController();
  readonly #outer: AbortSignal;
  readonly #abort = () => this.#stop.abort(this.#outer.reason);
  readonly #stallMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #bytes = 0;
  stalled = false;

  constructor(stallMs: number, outer: AbortSignal) {
    this.#stallMs = stallMs;
    this.#outer = outer;
    outer.addEventListener("abort", this.#abort);
    if (outer.aborted) this.#abort();
    this.#wait();
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= LEAST_BYTES) this.#wait();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#abort);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#bytes = 0;
    if (this.#stallMs === 0) return;
    this.#timer = setTimeout(() => {
      this.stalled = true;
      this.#stop.abort();
    }, this.#stallMs);
  }
}
