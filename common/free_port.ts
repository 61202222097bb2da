// SPDX-License-Identifier: Apache-2.0
/**
 * Finds ports for programs that are about to listen.
 *
 * @module
 */

/**
 * Ports are from the first of these up to the second. Linux gives those from 32768 on to connections that are made, by
 * which one that was free would be taken before somebody listens on it.
 */
const [FIRST, END] = [20_000, 32_768];
const TRIES = 1000;

/**
 * Returns a port of loopback that nothing listens on: `preferred` where that is free.
 *
 * @throws {Error} where none is found
 */
export function freePort(preferred?: number): number {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = tries === 0 && preferred !== undefined
      ? preferred
      : FIRST + Math.floor(Math.random() * (END - FIRST));
    try {
      using listener = Deno.listen({ hostname: "127.0.0.1", port });
      return listener.addr.port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("Cannot find a free port");
}
