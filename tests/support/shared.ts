// SPDX-License-Identifier: Apache-2.0
/**
 * Gives what tests of one run share, whichever process they are in. `deno task test` has it by a server on loopback;
 * without that, under plain `deno test`, the test that asks gets its own.
 *
 * @module
 */

/** Asks for `path` of what is shared; `undefined` where nothing is. @throws {Error} when it could not be made */
export async function askShared(path: string): Promise<Response | undefined> {
  const url = Deno.env.get("APERTURE_TEST_SHARED");
  if (url === undefined) return undefined;
  const response = await fetch(url + path);
  if (!response.ok) throw new Error(await response.text());
  return response;
}
