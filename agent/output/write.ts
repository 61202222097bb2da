// SPDX-License-Identifier: Apache-2.0
/**
 * A profile into a file, in the format that its name's end says.
 *
 * @module
 */

import { UsageError } from "../../common/settings.ts";
import { flameGraph } from "../../profile/flame.ts";
import { foldedStacks } from "../../profile/formats/folded.ts";
import { profileJson } from "../../profile/formats/json.ts";
import { pprofBytes } from "../../profile/formats/pprof.ts";
import { viewOf } from "../../profile/idle.ts";
import type { Kind, Profile } from "../../profile/model.ts";
import { taggedView } from "../../profile/tagged_view.ts";
import { flameSvg, MIN_SHARE } from "./svg.ts";
import { syscallTable } from "./syscall_table.ts";
import { summaryLine } from "./top_table.ts";

export type OutputFormat = "svg" | "folded" | "pprof" | "json";

const ENDS: readonly (readonly [string, OutputFormat])[] = [
  [".svg", "svg"],
  [".folded", "folded"],
  [".pb.gz", "pprof"],
  [".json", "json"],
];

/** Stands for standard output: of system calls a table, else folded stacks. */
export const STDOUT = "-";

/**
 * Returns the format of a file of that name.
 *
 * @throws {UsageError} when its end is none that is known
 */
export function outputFormat(path: string): OutputFormat {
  if (path === STDOUT) return "folded";
  const format = ENDS.find(([end]) => path.endsWith(end))?.[1];
  if (format !== undefined) return format;
  const known = ENDS.map(([end]) => end).join(", ");
  throw new UsageError(
    `Cannot write '--output' as its name does not end in ${known}, nor is it '-': current value is "${path}"`,
  );
}

/**
 * Finds out before a long profile whether the file can be written, by writing beside it.
 *
 * @throws {UsageError} saying what is wrong with the name, its folder or the rights
 */
export async function checkOutput(path: string): Promise<void> {
  outputFormat(path);
  if (path === STDOUT) return;
  const refuse = (why: string, cause?: unknown) => {
    throw new UsageError(`Cannot write '--output' as ${why}: current value is "${path}"`, { cause });
  };
  const present = await Deno.stat(path).catch(() => undefined);
  if (present?.isDirectory) refuse("it is a folder");
  const temporary = temporaryName(path);
  try {
    await Deno.writeFile(temporary, new Uint8Array(), { createNew: true });
    await Deno.remove(temporary);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      refuse("its folder does not exist", error);
    }
    refuse(`its folder cannot be written to (${(error as Error).message})`, error);
  }
}

/** Formats that hold every kind in one file; the others get a file for each. */
const WHOLE: ReadonlySet<OutputFormat> = new Set(["json"]);

/**
 * Returns the files that `path` stands for when `kinds` are watched, each with the kind that it is of: `flame.svg` is
 * `flame.cpu.svg`, `flame.lock.svg` and `flame.syscall.svg` when there are several.
 *
 * @throws {UsageError} when several kinds would go to standard output
 */
export function outputFiles(path: string, kinds: readonly Kind[]): { path: string; kind: Kind }[] {
  if (kinds.length === 1 || WHOLE.has(outputFormat(path))) return [{ path, kind: kinds[0]! }];
  if (path === STDOUT) {
    throw new UsageError(
      `Cannot write '--output' "-" as standard output takes one kind: choose --mode ${
        kinds.join(", or --mode ")
      }`,
    );
  }
  const end = ENDS.find(([end]) => path.endsWith(end))![0];
  return kinds.map((kind) => ({ path: `${path.slice(0, -end.length)}.${kind}${end}`, kind }));
}

export interface WriteOutputOptions {
  readonly path: string;
  /** This kind is written; JSON holds every kind. */
  readonly kind: Kind;
  /** Includes what threads do that have nothing to do; JSON holds it always. @default {false} */
  readonly idle?: boolean;
  readonly node: string;
  /** Unix nanoseconds. */
  readonly startNs: bigint;
  readonly durationNs: number;
  /** So long lies between two samples of one CPU; for `cpu` alone. @default {0} */
  readonly periodNs?: number;
  /** Counts what could not be counted, by reason. @default {none} */
  readonly losses?: ReadonlyMap<string, number>;
  /** A path of `-` is written here. @default {Deno.stdout} */
  readonly stdout?: { write(bytes: Uint8Array): Promise<number> };
}

/**
 * Writes `profile` to `path`: another file takes the name only once it is whole.
 *
 * @throws {UsageError} when the name's end is not known
 */
export async function writeOutput(profile: Profile, options: WriteOutputOptions): Promise<void> {
  const { path, stdout = Deno.stdout } = options;
  const format = outputFormat(path);
  const bytes = path === STDOUT && options.kind === "syscall"
    ? new TextEncoder().encode(syscallTable(profile, { idle: options.idle ?? false, width: Infinity }))
    : await encode(profile, format, options);
  if (path === STDOUT) return await writeAll(stdout, bytes);
  const temporary = temporaryName(path);
  try {
    await Deno.writeFile(temporary, bytes, { createNew: true });
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw new Error(`Cannot write "${path}": ${(error as Error).message}`, { cause: error });
  }
}

async function encode(
  profile: Profile,
  format: OutputFormat,
  options: WriteOutputOptions,
): Promise<Uint8Array> {
  switch (format) {
    case "folded":
      return new TextEncoder().encode(foldedStacks(viewOf(profile, options.kind, options), options));
    case "json":
      return new TextEncoder().encode(profileJson(profile, options));
    case "pprof":
      return await pprofBytes(taggedView(profile, options.kind, options), options);
    case "svg":
      return new TextEncoder().encode(svgOf(profile, options));
  }
}

const TITLES: Readonly<Record<Kind, string>> = {
  cpu: "CPU time",
  lock: "Waiting for locks",
  syscall: "Time in system calls",
};

function svgOf(profile: Profile, options: WriteOutputOptions): string {
  const { kind, node, startNs } = options;
  const graph = flameGraph(viewOf(profile, kind, options), { kind, minShare: MIN_SHARE });
  const when = new Date(Number(startNs / 1_000_000n)).toISOString().replace("T", " ").replace(
    /\.\d+Z/,
    " UTC",
  );
  return flameSvg(graph, {
    title: `${TITLES[kind]} on ${node}`,
    subtitle: `${when} · ${summaryLine(profile, options)}`,
  });
}

async function writeAll(to: NonNullable<WriteOutputOptions["stdout"]>, bytes: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) done += await to.write(bytes.subarray(done));
  } catch (error) {
    // Who reads may have had enough: `| head`.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Returns a name in the same folder, as a rename does not leave its file system. */
function temporaryName(path: string): string {
  return `${path}.${crypto.randomUUID()}.tmp`;
}
