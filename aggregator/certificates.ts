// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the certificates of both ports, from files that may be renewed.
 *
 * @module
 */

import { readPem } from "../common/pem.ts";
import { WatchedFiles } from "../common/watched_files.ts";
import type { ServerTls } from "./ingest/server.ts";

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  /** Is the file of the authorities of clients. */
  readonly clientCa?: string | undefined;
}

/**
 * Reads the files.
 *
 * @throws {Error} naming the one that cannot be used
 */
export async function readCertificates({ cert, key, clientCa }: CertificateFiles): Promise<ServerTls> {
  const [chain, secret, authorities] = await Promise.all([
    readPem(cert, "the certificate"),
    readPem(key, "the certificate's key"),
    clientCa === undefined ? undefined : readPem(clientCa, "the authorities of clients"),
  ]);
  return { cert: chain, key: secret, clientCa: authorities };
}

/** Calls `renew` with what the files hold when they change and can be used. */
export function watchCertificates(
  { cert, key, clientCa }: CertificateFiles,
  now: ServerTls,
  renew: (tls: ServerTls) => void,
): Disposable {
  const authorities = clientCa === undefined ? [] : [clientCa];
  const texts = [now.cert, now.key, ...now.clientCa === undefined ? [] : [now.clientCa]];
  return new WatchedFiles([cert, key, ...authorities], texts, ([chain, secret, clients]) => {
    renew({ cert: chain!, key: secret!, clientCa: clients });
  });
}
