// SPDX-License-Identifier: Apache-2.0
/**
 * An accepted TCP connection as the stream that node's servers take.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { Address } from "../settings.ts";

/**
 * So much is read at once while nothing is known to be there: most connections wait most of the time, with a buffer each.
 * What filled its buffer is followed by a larger one, up to the second.
 */
const WAIT_BYTES = 4096;
const READ_BYTES = 65_536;

/** Says why a connection was closed from here. */
export type CloseReason = "silent" | "idle" | "unread";

export interface ConnectionTimes {
  /** It may take so long from the connection's begin to its first byte, in ms. */
  readonly firstByteMs: number;
  /** It may be so long without a byte in either direction, in ms. */
  readonly idleMs: number;
  /** It may be so long without the peer taking a byte of what is being sent to it, in ms. */
  readonly unreadMs: number;
}

/**
 * A byte stream over `Deno.Conn`, with what node's HTTP servers ask of a `net.Socket`.
 *
 * Node's own sockets come with node's own accept loop, which under Deno ends for good, without an error, when
 * descriptors run out: so connections are accepted by Deno, and are given to node as streams.
 */
export class Connection extends Duplex {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #conn: Deno.TcpConn;
  readonly #begun = performance.now();
  #reading = false;
  #moved = this.#begun;
  /** The peer took something last at this time, while there is something for it to take. */
  #offered: number | undefined;
  #bytesRead = 0;
  #room = WAIT_BYTES;

  constructor(conn: Deno.TcpConn) {
    super({ allowHalfOpen: true });
    this.#conn = conn;
    const { localAddr: local, remoteAddr: remote } = conn;
    [this.localAddress, this.localPort] = [local.hostname, local.port];
    [this.remoteAddress, this.remotePort] = [remote.hostname, remote.port];
    conn.setNoDelay(true);
  }

  /** Returns how many bytes came from the peer so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Returns why it should be closed at `now`, by `performance.now()`; `undefined` where it should not. */
  overdue(now: number, { firstByteMs, idleMs, unreadMs }: ConnectionTimes): CloseReason | undefined {
    if (this.#offered !== undefined && now - this.#offered > unreadMs) return "unread";
    if (this.#bytesRead === 0 && now - this.#begun > firstByteMs) return "silent";
    return now - this.#moved > idleMs ? "idle" : undefined;
  }

  address(): Deno.NetAddr {
    return this.#conn.localAddr;
  }

  /** Idle time is watched by who accepted the connection. */
  setTimeout(): this {
    return this;
  }

  /** It always is without delay. */
  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    this.#conn.setKeepAlive(true);
    return this;
  }

  ref(): this {
    this.#conn.ref();
    return this;
  }

  unref(): this {
    this.#conn.unref();
    return this;
  }

  override async _read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      const bytes = new Uint8Array(this.#room);
      const read = await this.#conn.read(bytes);
      this.#room = read === bytes.length ? READ_BYTES : WAIT_BYTES;
      this.#reading = false;
      this.#moved = performance.now();
      this.#bytesRead += read ?? 0;
      this.push(read === null ? null : Buffer.from(bytes.buffer, 0, read));
    } catch (error) {
      this.#reading = false;
      // What was pending when the connection was closed from here ends like this, too.
      if (!this.destroyed) this.destroy(asNodeError(error));
    }
  }

  override async _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): Promise<void> {
    this.#offered = performance.now();
    try {
      for (let rest = chunk; rest.length > 0;) {
        rest = rest.subarray(await this.#conn.write(rest));
        this.#moved = this.#offered = performance.now();
      }
      done();
    } catch (error) {
      done(asNodeError(error));
    } finally {
      this.#offered = undefined;
    }
  }

  override async _final(done: (error?: Error | null) => void): Promise<void> {
    // A peer that is gone already needs no end of what is sent to it.
    await this.#conn.closeWrite().catch(() => {});
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#conn.close();
    done(error);
  }

  /** Returns the peer's address for messages. */
  get peer(): Address {
    return { hostname: this.remoteAddress, port: this.remotePort };
  }
}

/** Returns an error with the code by which node's servers know that a peer has gone. */
function asNodeError(error: unknown): Error {
  const gone = error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted;
  const message = error instanceof Error ? error.message : String(error);
  return Object.assign(new Error(message, { cause: error }), { code: gone ? "ECONNRESET" : "EIO" });
}
