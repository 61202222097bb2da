// SPDX-License-Identifier: Apache-2.0
/**
 * Gives tests databases of the engine that they share. To make the tables of one takes the engine about a second of a
 * CPU, and to empty them a hundredth of that: one that was given back as it was taken is emptied and given again.
 *
 * @module
 */

import { StorageClient, type StorageOptions } from "../../aggregator/storage/client.ts";
import { createDatabase, migrate } from "../../aggregator/storage/migrate.ts";
import { DEFAULT_RETENTION, setRetention } from "../../aggregator/storage/retention.ts";

/**
 * Tells what a database is like: `migrated`, or `kept`, which is how an aggregator of default settings leaves it, with
 * times for which rows are kept.
 */
export type Form = "migrated" | "kept";

/** On a busy machine a statement waits for its turn. */
const TIMEOUT_MS = 120_000;

export class Databases implements AsyncDisposable {
  readonly #engine: StorageOptions;
  readonly #clients = new Map<string, StorageClient>();
  /** The tables of each form, once a database had it. */
  readonly #tables = new Map<Form, string>();
  readonly #resting: Record<Form, string[]> = { migrated: [], kept: [] };

  constructor(engine: StorageOptions) {
    this.#engine = engine;
  }

  /** Returns the name of a database with empty tables, which nobody else has. @throws {StorageError} */
  async take(form: Form): Promise<string> {
    for (let name = this.#resting[form].shift(); name !== undefined; name = this.#resting[form].shift()) {
      // What was under way when it was given back may have come after it was emptied.
      const { tables, rows } = await this.#look(name);
      if (rows === 0 && tables === this.#tables.get(form)) return name;
      await this.#drop(name);
    }
    return await this.#make(form);
  }

  /** Empties a database for the next who takes one; one whose tables were changed is dropped. @throws {StorageError} */
  async give(name: string): Promise<void> {
    const { tables, isBusy } = await this.#look(name);
    const form = [...this.#tables].find(([, known]) => known === tables)?.[0];
    if (form === undefined || isBusy) return await this.#drop(name);
    await this.#client(name).command(`TRUNCATE ALL TABLES FROM ${name} NOT LIKE 'migrations'`);
    this.#resting[form].push(name);
  }

  async #make(form: Form): Promise<string> {
    const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
    await createDatabase({ ...this.#engine, timeout: TIMEOUT_MS, database: name });
    const client = this.#client(name);
    await migrate(client);
    if (form === "kept") await setRetention(client, DEFAULT_RETENTION);
    if (!this.#tables.has(form)) this.#tables.set(form, (await this.#look(name)).tables);
    return name;
  }

  /** Returns what all tables are and how many rows they hold, and whether somebody still asks for something. */
  async #look(name: string): Promise<{ tables: string; rows: number; isBusy: boolean }> {
    const client = this.#client(name);
    const tables = await client.rows<{ name: string; create_table_query: string; rows: string }>(
      `SELECT name, create_table_query, if(engine LIKE '%View', 0, ifNull(total_rows, 1)) AS rows
      FROM system.tables WHERE database = currentDatabase() ORDER BY name`,
    );
    const migrations = tables.some((table) => table.name === "migrations")
      ? await client.rows("SELECT number, name, checksum FROM migrations ORDER BY number")
      : [];
    const [others] = await client.rows<{ count: string }>(
      "SELECT count() AS count FROM system.processes WHERE current_database = currentDatabase()",
    );
    return {
      tables: JSON.stringify([migrations, tables.map((table) => table.create_table_query)])
        .replaceAll(name, "NAME"),
      rows: tables.reduce((sum, table) => sum + (table.name === "migrations" ? 0 : Number(table.rows)), 0),
      // One of them is the question itself.
      isBusy: Number(others!.count) > 1,
    };
  }

  #client(name: string): StorageClient {
    let client = this.#clients.get(name);
    if (client === undefined) {
      client = new StorageClient({ ...this.#engine, timeout: TIMEOUT_MS, database: name });
      this.#clients.set(name, client);
    }
    return client;
  }

  async #drop(name: string): Promise<void> {
    const client = this.#client(name);
    await client.command(`DROP DATABASE ${name} SYNC`);
    this.#clients.delete(name);
    await client[Symbol.asyncDispose]();
  }

  /** Closes connections; the databases end with the engine. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients.values()) await client[Symbol.asyncDispose]();
    this.#clients.clear();
  }
}
