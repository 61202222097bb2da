// SPDX-License-Identifier: Apache-2.0
/**
 * Puts files of tests together, so that what they import is loaded once for many of them: Deno gives each file that it
 * is told an isolate of its own, which loads everything again, and for most files that takes longer than their tests.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { runInThisContext } from "node:vm";
import { needsOf } from "./lanes.ts";

/** So few files need not be put together, and are seen to run one by one. */
const FEW = 8;
/**
 * A group has so many files at most: enough that loading is a small part of its time, and few enough that the lane's
 * last one keeps nobody waiting.
 */
const SIZE = 20;

export interface GroupOptions {
  /** Files are relative to it. */
  readonly root: string;
  /** Modules are written into it. */
  readonly folder: string;
  /** Returns whether a file is to be in no group, and comes after all groups: see `leavesWork()` and `waitsForBoots()`. */
  readonly isAlone: (file: string) => boolean;
  /** Returns whether a file is likely to take long: groups begin with those that have most of these. @default {none} */
  readonly isLong?: (file: string) => boolean;
}

/**
 * Returns whether a file with this source says of a test that it may leave something running, which would be held against
 * the test after it.
 */
export function leavesWork(source: string): boolean {
  return /\bsanitize(Ops|Resources): false\b/.test(source);
}

/** Returns whether a file with this source waits for kernels that boot since the run began: a group would wait, too. */
export function waitsForBoots(source: string): boolean {
  return needsOf(source).has("qemu-system-x86_64");
}

/** Returns whether a file with this source has tests of an agent, an engine or a browser, which take longest. */
export function takesLong(source: string): boolean {
  const needs = needsOf(source);
  return ["agent", "chdb", "chromium"].some((need) => needs.has(need)) || /\bwithVisits\b/.test(source);
}

/**
 * Writes a module for each group of `files`, and returns their paths and those of files that are alone; few files are
 * returned as they are. Neighbours are in a group, as they import the same. What takes long comes first: at the end of
 * a lane of several at a time nobody waits for one.
 */
export function groupFiles(
  all: readonly string[],
  { root, folder, isAlone, isLong = () => false }: GroupOptions,
): readonly string[] {
  if (all.length <= FEW) return all;
  const files = all.filter((file) => !isAlone(file));
  const count = Math.ceil(files.length / SIZE);
  const long = new Set(files.filter(isLong));
  const longOf = (group: readonly string[]) => group.filter((file) => long.has(file)).length;
  const parts = Array.from({ length: count }, (_, i) => {
    return files.slice(Math.floor(files.length * i / count), Math.floor(files.length * (i + 1) / count));
  }).sort((a, b) => longOf(b) - longOf(a));
  const groups = parts.map((group, i) => {
    // The name is what `deno test` says before the tests of the group.
    const name = `${String(i + 1).padStart(2, "0")}_from_${group[0]!.replaceAll("/", "_")}`;
    const urls = group.map((file) => pathToFileURL(file.startsWith("/") ? file : `${root}/${file}`).href);
    const path = `${folder}/${name}`;
    Deno.writeTextFileSync(
      path,
      `import { loadFiles } from ${JSON.stringify(import.meta.url)};\nawait loadFiles(${
        JSON.stringify(urls, null, 1)
      });\n`,
    );
    return path;
  });
  return [...groups, ...all.filter(isAlone)];
}

/** Loads files of tests by their URLs, one after the other; one that cannot be loaded has a test that fails for that. */
export async function loadFiles(urls: readonly string[]): Promise<void> {
  for (const url of urls) {
    try {
      await import(url);
    } catch (error) {
      const fail = () => {
        throw error;
      };
      // As of that file, see `testWith()`: then its failure is counted once.
      const options = { filename: `${url}#` };
      runInThisContext("(test) => Deno.test(test)", options)({ name: "the file is loaded", fn: fail });
    }
  }
}
