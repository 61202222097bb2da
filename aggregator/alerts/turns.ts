// SPDX-License-Identifier: Apache-2.0
/**
 * Lets one aggregator at a time evaluate, with storage as the only thing that all of them share.
 *
 * An evaluation is a turn. Who wants the next one inserts its row with the turn as deduplication token: of several that
 * do so at once, storage keeps the first and takes the others for repetitions. What the turn found is written in the
 * same way, under the turn's token. Who takes a turn first writes a void outcome for all turns before that have none: an
 * aggregator that stood still in the middle of its turn finds, when it goes on, that its insert changes nothing. No clock
 * but the engine's decides when a turn may be taken from somebody else's hands, and if that were wrong, two would
 * contend, and one of them win.
 *
 * @module
 */

import { numbers, strings } from "../storage/native.ts";
import type { StorageClient } from "../storage/client.ts";
import { insertSettings, selectSettings } from "./consistency.ts";

const NEWEST = `
SELECT
    toString(turn) AS turn_number,
    argMin(holder, (alert_turns.at, holder)) AS holder_name,
    toUnixTimestamp64Milli(min(alert_turns.at)) AS taken,
    toUnixTimestamp64Milli(now64(3)) AS now
FROM alert_turns
WHERE turn = (SELECT max(turn) FROM alert_turns)
GROUP BY turn`;

const TAKEN = `
SELECT argMin(holder, (alert_turns.at, holder)) AS holder_name, toUnixTimestamp64Milli(min(alert_turns.at)) AS taken
FROM alert_turns WHERE turn = {turn:UInt64}`;

/** Selects turns without an outcome; who takes a turn leaves none before it, so that only the last few can be. */
const OPEN = `
SELECT DISTINCT toString(turn) AS turn_number FROM alert_turns
WHERE turn < {turn:UInt64} AND turn + 100 >= {turn:UInt64}
    AND turn NOT IN (SELECT turn FROM alert_outcomes WHERE scope = '' AND turn + 100 >= {turn:UInt64})`;

/** Is the newest turn there is. */
export interface NewestTurn {
  readonly turn: number;
  readonly holder: string;
  /** Says, in ms by the engine's clock, how long ago it was taken. */
  readonly ageMs: number;
}

/** Is a turn that this aggregator has. */
export interface Turn {
  readonly turn: number;
  /** Says when it was taken, in Unix ms by the engine's clock. */
  readonly at: number;
}

/** Takes turns for `holder`. */
export class Turns {
  readonly #client: StorageClient;
  readonly #holder: string;

  constructor(client: StorageClient, holder: string) {
    this.#client = client;
    this.#holder = holder;
  }

  /** Returns the newest turn; `undefined` before the first. @throws {StorageError} */
  async newest(signal?: AbortSignal): Promise<NewestTurn | undefined> {
    type Row = { turn_number: string; holder_name: string; taken: string; now: string };
    const [row] = await this.#rows<Row>(NEWEST, {}, signal);
    return row &&
      { turn: Number(row.turn_number), holder: row.holder_name, ageMs: Number(row.now) - Number(row.taken) };
  }

  /**
   * Returns the number of the turn after `newest`. Where there is none it is the engine's time in seconds: turns that were
   * too old to be kept may have been before, whose tokens are known still, and no turn is shorter than a second.
   *
   * @throws {StorageError}
   */
  async next(newest: NewestTurn | undefined, signal?: AbortSignal): Promise<number> {
    if (newest) return newest.turn + 1;
    const [row] = await this.#rows<{ now: number }>("SELECT toUnixTimestamp(now()) AS now", {}, signal);
    return row!.now;
  }

  /**
   * Takes turn number `turn`; `undefined` when another aggregator has it. All turns before it have an outcome then.
   *
   * @throws {StorageError}
   */
  async take(turn: number, signal?: AbortSignal): Promise<Turn | undefined> {
    await this.#client.insert("alert_turns", [
      numbers("turn", "UInt64", BigUint64Array.of(BigInt(turn))),
      strings("holder", [this.#holder]),
    ], { token: `turn ${turn}`, settings: insertSettings(this.#client) });
    const [row] = await this.#rows<{ holder_name: string; taken: string }>(TAKEN, { turn }, signal);
    if (row?.holder_name !== this.#holder) return undefined;
    for (const { turn_number } of await this.#rows<{ turn_number: string }>(OPEN, { turn }, signal)) {
      await this.#close(Number(turn_number));
    }
    return { turn, at: Number(row.taken) };
  }

  /** Writes that a turn found nothing that counts, unless it has an outcome by now. */
  async #close(turn: number): Promise<void> {
    await this.#client.insert("alert_outcomes", [
      numbers("turn", "UInt64", BigUint64Array.of(BigInt(turn))),
      strings("holder", [this.#holder]),
      numbers("void", "Bool", Uint8Array.of(1)),
      numbers("at", "DateTime64(3, 'UTC')", BigInt64Array.of(BigInt(Date.now()))),
    ], { token: outcomeToken("", turn), settings: insertSettings(this.#client) });
  }

  #rows<T>(sql: string, params: Record<string, unknown>, signal?: AbortSignal): Promise<T[]> {
    return this.#client.rows<T>(sql, {
      params,
      signal,
      settings: selectSettings(this.#client, "alert turns"),
    });
  }
}

/** Returns the deduplication token of a turn's outcome. */
export function outcomeToken(scope: string, turn: number): string {
  return `outcome ${turn} ${scope}`;
}
