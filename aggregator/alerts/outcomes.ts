// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps what evaluations found: which alerts are there after each, and which began or ended in it.
 *
 * @module
 */

import type { StorageClient } from "../storage/client.ts";
import { type Column, numbers, stringArrays, stringMaps, strings, toUint64 } from "../storage/native.ts";
import type { Alert } from "./alert.ts";
import { insertSettings, selectSettings } from "./consistency.ts";
import type { AlertState } from "./state.ts";
import { outcomeToken } from "./turns.ts";

/** Is what one turn found. */
export interface Outcome {
  /** Is "" for the fleet; else the aggregator whose own figures they are. */
  readonly scope: string;
  readonly turn: number;
  /** The time is in Unix ms. */
  readonly at: number;
  /** Are those that are there after it, and those that ended in it. */
  readonly alerts: readonly Alert[];
}

/** Is a change of an alert, and when it was found (Unix ms). */
export interface Change {
  readonly at: number;
  readonly alert: Alert;
}

const COLUMNS = `
    toUnixTimestamp64Milli(at) AS at_ms, toString(rule) AS rule_name, group_key, toString(state) AS state_name, changed,
    labels, annotations, url, toUnixTimestamp64Milli(started) AS started_ms, toUnixTimestamp64Milli(fired) AS fired_ms,
    toUnixTimestamp64Milli(seen) AS seen_ms, toUnixTimestamp64Milli(cleared) AS cleared_ms, value,
    toString(samples) AS sample_count, capture_nodes, capture_hz,
    toUnixTimestamp64Milli(capture_until) AS capture_until_ms`;

/** Selects what the newest turn of each scope found that is still told of. */
const CURRENT = `
SELECT toString(scope) AS scope_name, toString(turn) AS turn_number, ${COLUMNS}
FROM alert_outcomes
WHERE (scope, turn) IN
    (
        SELECT scope, max(turn) FROM alert_outcomes
        WHERE NOT void AND ({all:Bool} OR scope = {scope:String})
        GROUP BY scope
        HAVING max(alert_outcomes.at) >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
    )
    AND state IN ('pending', 'firing')
ORDER BY rule, group_key`;

const CHANGES = `
SELECT ${COLUMNS}
FROM alert_outcomes
WHERE changed AND ({all:Bool} OR scope = {scope:String}) AND ({rule:String} = '' OR rule = {rule:String})
    AND at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
ORDER BY at DESC, rule, group_key
LIMIT {limit:UInt32}`;

const WRITER = `
SELECT any(holder) AS holder_name, any(void) AS is_void FROM alert_outcomes
WHERE scope = {scope:String} AND turn = {turn:UInt64}`;

interface Row {
  readonly at_ms: string;
  readonly rule_name: string;
  readonly group_key: string;
  readonly state_name: AlertState;
  readonly changed: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly url: string;
  readonly started_ms: string;
  readonly fired_ms: string;
  readonly seen_ms: string;
  readonly cleared_ms: string;
  readonly value: number | null;
  readonly sample_count: string;
  readonly capture_nodes: readonly string[];
  readonly capture_hz: number;
  readonly capture_until_ms: string;
}

export interface ChangesOptions {
  /** Asks for those of one scope; without it, of all. */
  readonly scope?: string | undefined;
  readonly rule?: string | undefined;
  /** Unix ms. */
  readonly from: number;
  readonly to: number;
  readonly limit: number;
}

/** Reads and writes outcomes for `holder`. */
export class Outcomes {
  readonly #client: StorageClient;
  /** Is who writes. */
  readonly holder: string;

  constructor(client: StorageClient, holder: string) {
    this.#client = client;
    this.holder = holder;
  }

  /**
   * Returns the alerts that are there after the newest turn of `scope`, or of all scopes that have had one since `since`
   * (Unix ms): an aggregator that is gone leaves what it found last.
   *
   * @throws {StorageError}
   */
  async current(
    { scope, since = 0 }: { scope?: string; since?: number },
    signal?: AbortSignal,
  ): Promise<Alert[]> {
    const rows = await this.#rows<Row>(
      CURRENT,
      { all: scope === undefined, scope: scope ?? "", since },
      signal,
    );
    return rows.map(alertOf);
  }

  /** Returns changes, the newest first. @throws {StorageError} */
  async changes(
    { scope, rule = "", from, to, limit }: ChangesOptions,
    signal?: AbortSignal,
  ): Promise<Change[]> {
    const params = { all: scope === undefined, scope: scope ?? "", rule, from, to, limit };
    const rows = await this.#rows<Row>(CHANGES, params, signal);
    return rows.map((row) => ({ at: Number(row.at_ms), alert: alertOf(row) }));
  }

  /**
   * Writes what a turn found, unless the turn has an outcome.
   *
   * @returns whether this is its outcome now: `false` where another aggregator closed the turn
   * @throws {StorageError}
   */
  async write(outcome: Outcome): Promise<boolean> {
    const { scope, turn } = outcome;
    await this.#client.insert("alert_outcomes", columnsOf(outcome, this.holder), {
      token: outcomeToken(scope, turn),
      settings: insertSettings(this.#client),
    });
    const [row] = await this.#rows<{ holder_name: string; is_void: boolean }>(WRITER, { scope, turn });
    return row !== undefined && row.holder_name === this.holder && !row.is_void;
  }

  #rows<T>(sql: string, params: Record<string, unknown>, signal?: AbortSignal): Promise<T[]> {
    return this.#client.rows<T>(sql, {
      params,
      signal,
      settings: selectSettings(this.#client, "alert outcomes"),
    });
  }
}

function alertOf(row: Row): Alert {
  return {
    rule: row.rule_name,
    group: row.group_key,
    state: row.state_name,
    changed: row.changed,
    labels: row.labels,
    annotations: row.annotations,
    url: row.url,
    startedMs: Number(row.started_ms),
    firedMs: Number(row.fired_ms),
    seenMs: Number(row.seen_ms),
    clearedMs: Number(row.cleared_ms),
    // JSON has no infinity: what was not there before is infinitely more now.
    value: row.value ?? Infinity,
    samples: Number(row.sample_count),
    ...(row.capture_hz > 0 && {
      capture: {
        nodes: row.capture_nodes,
        frequency: row.capture_hz,
        untilMs: Number(row.capture_until_ms),
      },
    }),
  };
}

const STATE_NUMBER: Readonly<Record<AlertState, number>> = { pending: 1, firing: 2, resolved: 3, ended: 4 };

/** Makes one row for each alert, and one before them that says that there was a turn. */
function columnsOf({ scope, turn, at, alerts }: Outcome, holder: string): Column[] {
  const rows = alerts.length + 1;
  const same = <T>(value: T): T[] => Array.from({ length: rows }, () => value);
  const each = <T>(first: T, of: (alert: Alert) => T): T[] => [first, ...alerts.map(of)];
  const map = (record: Readonly<Record<string, string>>) => new Map(Object.entries(record));
  const time = (name: string, values: readonly number[]) =>
    numbers(name, "DateTime64(3, 'UTC')", BigInt64Array.from(values, (ms) => BigInt(Math.round(ms))));
  return [
    strings("scope", same(scope)),
    numbers("turn", "UInt64", toUint64(same(turn))),
    strings("holder", same(holder)),
    time("at", same(at)),
    strings("rule", each("", ({ rule }) => rule)),
    strings("group_key", each("", ({ group }) => group)),
    numbers("state", "Int8", Uint8Array.from(each(0, ({ state }) => STATE_NUMBER[state]))),
    numbers("changed", "Bool", Uint8Array.from(each(0, ({ changed }) => changed ? 1 : 0))),
    stringMaps("labels", each(new Map(), ({ labels }) => map(labels))),
    stringMaps("annotations", each(new Map(), ({ annotations }) => map(annotations))),
    strings("url", each("", ({ url }) => url)),
    time("started", each(0, ({ startedMs }) => startedMs)),
    time("fired", each(0, ({ firedMs }) => firedMs)),
    time("seen", each(0, ({ seenMs }) => seenMs)),
    time("cleared", each(0, ({ clearedMs }) => clearedMs)),
    stringArrays("capture_nodes", each<readonly string[]>([], ({ capture }) => capture?.nodes ?? [])),
    numbers("capture_hz", "UInt16", Uint16Array.from(each(0, ({ capture }) => capture?.frequency ?? 0))),
    time("capture_until", each(0, ({ capture }) => capture?.untilMs ?? 0)),
    numbers("value", "Float64", Float64Array.from(each(0, ({ value }) => value))),
    numbers(
      "samples",
      "UInt64",
      toUint64(each(0, ({ samples }) => Math.min(samples, Number.MAX_SAFE_INTEGER))),
    ),
  ];
}
