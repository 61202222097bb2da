// SPDX-License-Identifier: Apache-2.0
/**
 * The agent as one file. Of each module that it runs, Deno and V8 keep the text, and its map, for as long as the agent
 * lives: that is some twenty megabytes, of which a bundle has one.
 *
 * @module
 */

import { AGENT_BUNDLE, agentSources, sourceDigest } from "../../common/source_digest.ts";

/**
 * Returns the path of the bundle; `undefined` where there is none, or it is of other sources than those that are there.
 *
 * @param root of the installation, with a slash at its end
 */
export function currentBundle(root: string): string | undefined {
  try {
    const path = root + AGENT_BUNDLE;
    const [, digest] = Deno.readTextFileSync(`${path}.sha256`).split(" ");
    return digest === sourceDigest(root, agentSources(root)) ? path : undefined;
  } catch {
    // Not built, or not whole.
    return undefined;
  }
}

/**
 * Returns a digest of the sources that this program was made of; `undefined` where it cannot be told.
 *
 * @param url of a module of this program that lies two folders below the root, or of the bundle
 */
export function sourcesOfThis(url = import.meta.url): string | undefined {
  try {
    const root = new URL("../..", url).pathname;
    if (!url.endsWith(AGENT_BUNDLE)) return sourceDigest(root, agentSources(root));
    return Deno.readTextFileSync(`${root}${AGENT_BUNDLE}.sha256`).split(" ")[1];
  } catch {
    return undefined;
  }
}
