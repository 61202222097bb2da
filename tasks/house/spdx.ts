// SPDX-License-Identifier: Apache-2.0
/**
 * `deno task spdx`: gives every source file that has none a first line that says its licence.
 *
 * Generated files get theirs from their generators; it changes a file only by that line.
 *
 * @module
 */

import { ROOT, sourceFiles } from "./sources.ts";

const TAG = "SPDX-License-Identifier:";

/** Says what stands around a comment of one line, by a file's extension or, where it has none, its name. */
const COMMENTS: Readonly<Record<string, readonly [before: string, after: string]>> = {
  ...Object.fromEntries(
    ["c", "cc", "go", "h", "java", "js", "proto", "rs", "ts"].map((e) => [e, ["// ", ""]]),
  ),
  ...Object.fromEntries(["py", "sh", "yml", "Dockerfile", "dev", "run"].map((e) => [e, ["# ", ""]])),
  css: ["/* ", " */"],
  html: ["<!-- ", " -->"],
  sql: ["-- ", ""],
  svg: ["<!-- ", " -->"],
};

/** First lines that something reads only where they come first. */
const STAYS_FIRST = /^(#!|<!doctype )/i;

/** Returns the line that belongs at the top of the file at `path`; `undefined` where it is no source file. */
export function spdxLine(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const kind = name.startsWith("Dockerfile.") ? "Dockerfile" : name.slice(name.lastIndexOf(".") + 1);
  const comment = Object.hasOwn(COMMENTS, kind) ? COMMENTS[kind] : undefined;
  if (comment === undefined) return undefined;
  // The kernel lets only programs that are compatible with the GPL call all of its helpers.
  const licence = path.startsWith("bpf/") ? "GPL-2.0-only OR MIT" : "Apache-2.0";
  return `${comment[0]}${TAG} ${licence}${comment[1]}`;
}

/** Returns whether `text` has `line` at its top, where only a line that must come first may precede it. */
export function hasLine(text: string, line: string): boolean {
  const [first, second] = text.split("\n", 2);
  return first === line || (STAYS_FIRST.test(first!) && second === line);
}

/**
 * Returns `text` with `line` at its top, in place of another licence's line where one is there. An empty line parts
 * it from a comment of the same form, which would read on otherwise.
 */
export function withLine(text: string, line: string): string {
  if (hasLine(text, line)) return text;
  const lines = text.split("\n");
  const at = STAYS_FIRST.test(lines[0]!) ? 1 : 0;
  if (lines[at]?.includes(TAG)) lines.splice(at, 1, line);
  else {
    const marker = line.slice(0, line.indexOf(" "));
    const readsOn = lines[at]?.startsWith(marker) && !line.endsWith("*/") && !line.endsWith("-->");
    lines.splice(at, 0, line, ...readsOn ? [""] : []);
  }
  return lines.join("\n");
}

/** Returns the source files whose licence's line is missing or another. */
export function offenders(): string[] {
  return sourceFiles().filter((path) => {
    const line = spdxLine(path);
    return line !== undefined && !hasLine(Deno.readTextFileSync(ROOT + path), line);
  });
}

if (import.meta.main) {
  for (const path of offenders()) {
    await Deno.writeTextFile(ROOT + path, withLine(await Deno.readTextFile(ROOT + path), spdxLine(path)!));
    await Deno.stdout.write(new TextEncoder().encode(`${path}\n`));
  }
}
