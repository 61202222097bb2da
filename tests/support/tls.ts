// SPDX-License-Identifier: Apache-2.0
/**
 * Certificates for tests, by openssl.
 *
 * @module
 */

import { run } from "./programs.ts";

/**
 * Returns a certificate for the address `ip`, and the authority that signed it, all in PEM; the files are left in
 * `folder`.
 */
export function selfSigned(
  folder: string,
  ip: string,
  name = "server",
): { ca: string; cert: string; key: string } {
  const request = (file: string, more: readonly string[]) => {
    const [key, cert] = [`${folder}/${file}.key`, `${folder}/${file}.crt`];
    const curve = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" ");
    run("openssl", [...curve, "-subj", `/CN=${file}`, "-keyout", key, "-out", cert, ...more]);
    return { key, cert };
  };
  const ca = request(`${name}-ca`, ["-addext", "keyUsage=keyCertSign"]);
  const { key, cert } = request(name, [
    ...["-addext", "basicConstraints=critical,CA:FALSE", "-addext", `subjectAltName=IP:${ip},DNS:localhost`],
    ...["-CA", ca.cert, "-CAkey", ca.key],
  ]);
  return {
    ca: Deno.readTextFileSync(ca.cert),
    cert: Deno.readTextFileSync(cert),
    key: Deno.readTextFileSync(key),
  };
}
