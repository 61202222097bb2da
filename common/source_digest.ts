// SPDX-License-Identifier: Apache-2.0
/**
 * Tells whether what was built of sources is built of those that are there now.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** The agent is bundled into these, of {@linkcode AGENT_SOURCES}: paths from the root of the installation. */
export const AGENT_BUNDLE = "agent/build/agent.js";
export const READER_BUNDLE = "agent/build/reader.js";

const FOLDERS = ["agent", "common", "profile", "proto/gen", "symbols"];
const FILES = ["deno.json", "deno.lock"];
const BUILT = "build";

/** Returns the paths of what the agent is made of, sorted; they count from `root`, which ends with a slash. */
export function agentSources(root: string): string[] {
  return [...FILES, ...FOLDERS.flatMap((folder) => sourcesBelow(root, folder))].sort();
}

/**
 * Returns a digest of the names and contents of files.
 *
 * @throws {Error} when one cannot be read
 */
export function sourceDigest(root: string, paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) {
    const bytes = Deno.readFileSync(root + path);
    hash.update(`${path} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}

function sourcesBelow(root: string, folder: string): string[] {
  return [...Deno.readDirSync(root + folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return name === BUILT ? [] : sourcesBelow(root, path);
    return /\.(ts|js)$/.test(name) && !name.endsWith("_test.ts") ? [path] : [];
  });
}
