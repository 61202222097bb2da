// SPDX-License-Identifier: Apache-2.0
/**
 * A listening TCP socket whose connections are bounded, and which outlives a lack of descriptors.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { getLogger } from "@logtape/logtape";
import { Burst } from "../log.ts";
import type { Address } from "../settings.ts";
import { type CloseReason, Connection, type ConnectionTimes } from "./connection.ts";

export interface ConnectionLimits extends ConnectionTimes {
  /** So many may be open at once. */
  readonly connections: number;
  /** So many of those may come from one address. */
  readonly perAddress: number;
}

/** Says why a connection was not taken: too many in all, too many of its address. */
export type RefusalReason = "full" | "address";

export interface ListenerOptions {
  readonly listen: Address;
  readonly limits?: Partial<ConnectionLimits> | undefined;
  readonly onConnection: (connection: Connection) => void;
  /** Names the port in the log. */
  readonly name: string;
}

/** Another process has the port, or the address is not this machine's; the message is for the user. */
export class ListenError extends Error {
  override name = "ListenError";
}

/** Connections are looked at this often, or more often where their times are shorter. */
const SWEEP_MS = 1000;
/** Accepting rests so long after it failed; it doubles up to a second. */
const ACCEPT_PAUSE_MS = 50;

/** Most machines let a process have so many open. */
const USUAL_DESCRIPTORS = 1024;
/** Descriptors that are for files and for what is connected to. */
const SPARE_DESCRIPTORS = 256;

/**
 * Returns the limits where none are given. Connections are at most 4,096, and half of the descriptors that the process
 * may have beyond the spare ones, as there are two ports; one address may have half of them, so that none keeps out the
 * others.
 */
export function defaultLimits(descriptors: number = USUAL_DESCRIPTORS): ConnectionLimits {
  const connections = Math.max(16, Math.min(4096, Math.floor((descriptors - SPARE_DESCRIPTORS) / 2)));
  return {
    connections,
    perAddress: Math.ceil(connections / 2),
    firstByteMs: 10_000,
    idleMs: 120_000,
    unreadMs: 30_000,
  };
}

/** Accepts until it is disposed of. */
export class Listener implements AsyncDisposable {
  readonly address: Address;
  readonly limits: ConnectionLimits;
  readonly #name: string;
  readonly #socket: Deno.TcpListener;
  readonly #onConnection: (connection: Connection) => void;
  readonly #open = new Set<Connection>();
  readonly #byAddress = new Map<string, number>();
  readonly #logger = getLogger(["aperture", "net"]);
  readonly #burst = new Burst(this.#logger);
  readonly #closing = new AbortController();
  readonly #sweeper: ReturnType<typeof setInterval>;
  readonly #accepting: Promise<void>;
  readonly #refused: Record<RefusalReason, number> = { full: 0, address: 0 };
  readonly #closed: Record<CloseReason, number> = { silent: 0, idle: 0, unread: 0 };
  #acceptFailures = 0;

  /** @throws {ListenError} when the address cannot be listened on, saying why */
  constructor({ listen, limits, onConnection, name }: ListenerOptions) {
    this.#name = name;
    this.limits = { ...defaultLimits(), ...limits };
    this.#onConnection = onConnection;
    this.#socket = listenOn(listen);
    this.address = { hostname: listen.hostname, port: this.#socket.addr.port };
    const { firstByteMs, idleMs, unreadMs } = this.limits;
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(SWEEP_MS, firstByteMs, idleMs, unreadMs));
    this.#accepting = this.#accept();
  }

  /** Returns how many connections are open. */
  get connections(): number {
    return this.#open.size;
  }

  /** Returns how many were not taken, since the start. */
  get refused(): Readonly<Record<RefusalReason, number>> {
    return this.#refused;
  }

  /** Returns how many were closed from here, since the start. */
  get closed(): Readonly<Record<CloseReason, number>> {
    return this.#closed;
  }

  /** Returns how often accepting failed, as when there are no descriptors. */
  get acceptFailures(): number {
    return this.#acceptFailures;
  }

  /** Takes no more connections; those that are open stay. */
  stopAccepting(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#socket.close();
  }

  /** Settles when no connection is open; their servers end them. */
  async drained(): Promise<void> {
    await Promise.all([...this.#open].map((connection) => closed(connection)));
  }

  /** Takes no more, and cuts those that are open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stopAccepting();
    clearInterval(this.#sweeper);
    await this.#accepting;
    for (const connection of this.#open) connection.destroy();
    await this.drained();
  }

  async #accept(): Promise<void> {
    const { signal } = this.#closing;
    let pause = ACCEPT_PAUSE_MS;
    while (!signal.aborted) {
      try {
        this.#take(await this.#socket.accept());
        pause = ACCEPT_PAUSE_MS;
      } catch (error) {
        if (signal.aborted) return;
        this.#acceptFailures++;
        this.#burst.warn(
          "accept",
          `Cannot accept a connection of ${this.#name}: ${(error as Error).message}`,
        );
        await delay(pause, { signal }).catch(() => {});
        pause = Math.min(2 * pause, 1000);
      }
    }
  }

  #take(conn: Deno.TcpConn): void {
    const { hostname } = conn.remoteAddr;
    const ofAddress = this.#byAddress.get(hostname) ?? 0;
    const { connections, perAddress } = this.limits;
    const reason = this.#open.size >= connections ? "full" : ofAddress >= perAddress ? "address" : undefined;
    if (reason) {
      this.#refused[reason]++;
      const what = reason === "full" ? "" : ` from ${hostname}`;
      const many = reason === "full" ? connections : perAddress;
      this.#burst.warn(
        reason,
        `Refused a connection of ${this.#name}, as there are too many${what}: ${many} are open`,
      );
      conn.close();
      return;
    }
    const connection = new Connection(conn);
    this.#open.add(connection);
    this.#byAddress.set(hostname, ofAddress + 1);
    connection.once("close", () => this.#forget(connection));
    // Whoever serves it may listen, too; without anybody an error would end the process.
    connection.on("error", (error) => this.#logger.debug("{message}", { message: error.message }));
    this.#onConnection(connection);
  }

  #forget(connection: Connection): void {
    this.#open.delete(connection);
    const { remoteAddress: address } = connection;
    const left = this.#byAddress.get(address)! - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }

  #sweep(): void {
    const now = performance.now();
    for (const connection of this.#open) {
      const reason = connection.overdue(now, this.limits);
      if (!reason) continue;
      this.#closed[reason]++;
      connection.destroy();
    }
  }
}

function closed(connection: Connection): Promise<void> {
  return new Promise((resolve) => connection.once("close", () => resolve()));
}

function listenOn({ hostname, port }: Address): Deno.TcpListener {
  try {
    return Deno.listen({ hostname, port });
  } catch (cause) {
    const where = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
    if (cause instanceof Deno.errors.AddrInUse) {
      throw new ListenError(`Cannot listen on ${where}: the port is in use`, { cause });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ListenError(`Cannot listen on ${where}: ${why}`, { cause });
  }
}
