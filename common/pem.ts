// SPDX-License-Identifier: Apache-2.0
/**
 * Certificates and keys in files.
 *
 * @module
 */

/**
 * Returns the text of a PEM file.
 *
 * @param what stands in the message, such as "the certificate"
 * @throws {Error} when it cannot be read or holds no PEM block
 */
export async function readPem(path: string, what: string): Promise<string> {
  let pem: string;
  try {
    pem = await Deno.readTextFile(path);
  } catch (cause) {
    throw new Error(`Cannot read ${what}: ${(cause as Error).message}`, { cause });
  }
  if (!/^-----BEGIN [A-Z0-9 ]+-----$/m.test(pem)) {
    throw new Error(`Cannot use ${what}, as there is no PEM block in the file: ${path}`);
  }
  return pem;
}
