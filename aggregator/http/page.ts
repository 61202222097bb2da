// SPDX-License-Identifier: Apache-2.0
/**
 * Holds the page's files, read once.
 *
 * @module
 */

import { gzipSync } from "node:zlib";

/** Is one file as it is served. */
export interface PageFile {
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Is the body as small as gzip makes it. */
  readonly packed?: Uint8Array<ArrayBuffer>;
}

export interface Page {
  /** Holds the files by path: `/`, `/app.js`, `/app.css`, `/favicon.svg`. */
  readonly files: ReadonlyMap<string, PageFile>;
  /** Is the form that asks for the token, with `__NEXT__` and `__ERROR__` to fill in. */
  readonly login: string;
}

const FILES = [
  ["/", "index.html", "text/html; charset=utf-8"],
  ["/app.js", "build/app.js", "text/javascript; charset=utf-8"],
  ["/search_worker.js", "build/search_worker.js", "text/javascript; charset=utf-8"],
  ["/app.css", "build/app.css", "text/css; charset=utf-8"],
  ["/favicon.svg", "favicon.svg", "image/svg+xml"],
  ["/favicon-alert.svg", "favicon-alert.svg", "image/svg+xml"],
] as const;

/**
 * Reads the page.
 *
 * @param folder where `index.html` is
 * @throws {Error} naming the file that is missing
 */
export async function loadPage(folder: URL = new URL("../ui/", import.meta.url)): Promise<Page> {
  const read = async (name: string) => {
    try {
      return await Deno.readFile(new URL(name, folder));
    } catch (cause) {
      throw new Error(`Cannot read the page's ${name}: 'deno task build' makes what is missing`, { cause });
    }
  };
  const files = await Promise.all(
    FILES.map(async ([path, name, type]) => {
      const body = await read(name);
      return [path, { type, body, packed: new Uint8Array(gzipSync(body, { level: 9 })) }] as const;
    }),
  );
  return { files: new Map(files), login: new TextDecoder().decode(await read("login.html")) };
}
