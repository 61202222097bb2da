// SPDX-License-Identifier: Apache-2.0
/**
 * Files that are made once for many runs of the tests: below `.tools`, by the hash of what they are made from.
 *
 * @module
 */

const ROOT = new URL("../../.tools/", import.meta.url).pathname;
/** A file that no run asked for stays so long, in ms. */
const KEEP = 3 * 24 * 3600_000;

/**
 * Gives the path of the file `key` of the cache `name`, which `make` writes to the path that it gets where there is
 * none yet. A run that is cut off leaves no part of it there, and runs that make it at once get the same.
 */
export async function cached(
  name: string,
  key: string,
  make: (path: string) => void | Promise<void>,
): Promise<string> {
  const folder = `${ROOT}${name}`;
  const path = `${folder}/${key}`;
  try {
    await Deno.utime(path, new Date(), new Date());
    return path;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await Deno.mkdir(folder, { recursive: true });
  await removeOld(folder);
  const part = `${folder}/new-${crypto.randomUUID()}`;
  try {
    await make(part);
    await Deno.rename(part, path);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
  }
  return path;
}

async function removeOld(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    // Another run may remove the same.
    const info = await Deno.stat(`${folder}/${name}`).catch(() => undefined);
    const isOld = Date.now() - (info?.mtime?.getTime() ?? Infinity) > KEEP;
    if (isOld) await Deno.remove(`${folder}/${name}`).catch(() => {});
  }
}
