// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the files of npm packages, where Deno keeps them.
 *
 * @module
 */

/**
 * Returns the folder of `name` at `version`, which is in the cache as deno.json names it.
 *
 * @throws {Error} when it is not there
 */
export async function npmPackage(name: string, version: string): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout)) as { npmCache: string };
  // One folder for each registry.
  for await (const { name: registry } of Deno.readDir(npmCache)) {
    const folder = `${npmCache}/${registry}/${name}/${version}`;
    if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  }
  throw new Error(`Cannot find ${name} ${version} in ${npmCache}: deno install fetches it`);
}
