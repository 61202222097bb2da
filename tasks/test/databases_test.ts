// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertNotEquals } from "@std/assert";
import { StorageClient } from "../../aggregator/storage/client.ts";
import { migrate } from "../../aggregator/storage/migrate.ts";
import { DEFAULT_RETENTION, setRetention } from "../../aggregator/storage/retention.ts";
import { Writer } from "../../aggregator/storage/writer.ts";
import { makeBatch } from "../../tests/support/batches.ts";
import { testWith } from "../../tests/support/needs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { Databases } from "./databases.ts";

testWith(["chdb"], "Databases gives a database again, empty, once it was given back as it was", async () => {
  await using storage = await startStorage();
  const { url, username, password } = storage.options;
  await using databases = new Databases(storage.options);
  await using made = new AsyncDisposableStack();
  const open = (database: string) =>
    made.use(
      new StorageClient({ url, database, username: username!, password: password!, timeout: 120_000 }),
    );
  const rows = async (client: StorageClient) => {
    const [{ count }] = await client.rows<{ count: string }>("SELECT count() AS count FROM samples") as [
      { count: string },
    ];
    return Number(count);
  };
  const write = (client: StorageClient) =>
    new Writer(client).write({ token: "one", batches: [{ ...makeBatch({ samples: 5 }), receivedMs: 0 }] });

  const [first, second] = [await databases.take("migrated"), await databases.take("migrated")];
  assertNotEquals(first, second);
  made.defer(() => storage.client.command(`DROP DATABASE IF EXISTS ${first} SYNC`));
  const client = open(first);
  await write(client);
  const count = await rows(client);
  assertNotEquals(count, 0);
  await databases.give(first);
  assertEquals(await databases.take("migrated"), first);
  assertEquals([await rows(client), await migrate(client)], [0, []]);
  // Tables do not know the tokens of what was in them.
  await write(client);
  assertEquals(await rows(client), count);

  // What comes after it was given back is not there for the next.
  await databases.give(first);
  await write(client);
  const third = await databases.take("migrated");
  assertNotEquals(third, first);

  // One whose tables were changed is given to nobody.
  await open(second).command("ALTER TABLE samples ADD COLUMN more UInt8");
  await databases.give(second);
  // And one of another form only to who wants that.
  await setRetention(open(third), DEFAULT_RETENTION);
  const kept = await databases.take("kept");
  assertEquals(await setRetention(open(kept), DEFAULT_RETENTION), []);
  await databases.give(third);
  const fourth = await databases.take("migrated");
  assertEquals([second, third].includes(fourth), false);
  assertEquals(await databases.take("kept"), third);
  for (const name of [kept, third, fourth]) await storage.client.command(`DROP DATABASE ${name} SYNC`);
});
