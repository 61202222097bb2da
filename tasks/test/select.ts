// SPDX-License-Identifier: Apache-2.0
/**
 * Says which files of tests a run takes, by the arguments of `./dev test`.
 *
 * @module
 */

/** Folders that hold no tests of ours. */
const SKIPPED = /^(\..*|node_modules|build|data)$/;

/** Says what the arguments ask for. */
export interface Arguments {
  /** Files and folders, as given; without any, the whole repository. */
  readonly paths: readonly string[];
  /** The text, or the regular expression between slashes, that names of tests have in them. */
  readonly filter: string | undefined;
  /** The rest, for `deno test`. */
  readonly flags: readonly string[];
}

/**
 * Tells paths, the filter and other flags apart.
 *
 * @throws {Error} when a flag of `deno test` is one that the runner sets itself, or `--filter` has no value
 */
export function parseArguments(args: readonly string[]): Arguments {
  const [paths, flags]: [string[], string[]] = [[], []];
  let filter: string | undefined;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "--filter") {
      filter = args[++i];
      if (filter === undefined) throw new Error("Cannot filter tests: '--filter' has no value");
    } else if (arg.startsWith("--filter=")) filter = arg.slice("--filter=".length);
    else if (/^--(junit-path|parallel)\b/.test(arg)) {
      throw new Error(`Cannot take '${arg}': the runner sets it`);
    } else if (arg.startsWith("-")) flags.push(arg);
    else paths.push(arg);
  }
  return { paths, filter, flags };
}

/**
 * Lists the files of tests at and below `paths`, sorted, relative to `root`.
 *
 * @throws {Error} when a path does not exist, or there are no tests below it
 */
export function testFiles(root: string, paths: readonly string[]): string[] {
  const found = new Set<string>();
  for (const path of paths.length === 0 ? ["."] : paths) {
    const files = [...below(root, path.replace(/^\.\/+/, "").replace(/\/+$/, "") || ".")];
    if (files.length === 0) throw new Error(`Cannot find tests: none are below '${path}'`);
    for (const file of files) found.add(file);
  }
  return [...found].sort();
}

function* below(root: string, path: string): Generator<string> {
  const at = path.startsWith("/") ? path : `${root}/${path}`;
  let isFile: boolean;
  try {
    isFile = Deno.statSync(at).isFile;
  } catch (error) {
    throw new Error(`Cannot find tests: '${path}' does not exist`, { cause: error });
  }
  if (isFile) return yield path;
  for (const entry of Deno.readDirSync(at)) {
    const inner = path === "." ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory && !SKIPPED.test(entry.name)) yield* below(root, inner);
    if (entry.isFile && entry.name.endsWith("_test.ts")) yield inner;
  }
}

/**
 * Narrows `files` to those which may have a test that `filter` names: those whose text has it, and those of which
 * `names`, the tests of the last whole run by file, knows one. All of them where that leaves none, as names may be
 * put together at run time, and for a regular expression.
 */
export function filesWith(
  filter: string,
  files: readonly { readonly path: string; readonly source: string }[],
  names: ReadonlyMap<string, readonly string[]>,
): string[] {
  const all = files.map(({ path }) => path);
  if (filter.startsWith("/") && filter.endsWith("/")) return all;
  const some = files.filter(({ path, source }) =>
    source.includes(filter) || (names.get(path) ?? []).some((name) => name.includes(filter))
  );
  return some.length > 0 ? some.map(({ path }) => path) : all;
}
