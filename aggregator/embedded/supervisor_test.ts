// SPDX-License-Identifier: Apache-2.0
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { testWith } from "../../tests/support/needs.ts";
import { TextLineStream } from "@std/streams/text-line-stream";
import { EmbeddedClickHouse } from "./supervisor.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

async function withDirectory(use: (dataDir: string) => Promise<void>) {
  const dataDir = await Deno.makeTempDir();
  try {
    await use(dataDir);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

function clientOf({ url, username, password }: { url: string; username: string; password: string }) {
  return createClient({ url, username, password, log: { level: ClickHouseLogLevel.OFF } });
}

/** Runs the program; `task` as `deno task clickhouse` does. */
function spawn(flags: readonly string[], options: Partial<Deno.CommandOptions> = {}) {
  return new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "clickhouse", ...flags],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...options,
  });
}

testWith(
  ["chdb"],
  "EmbeddedClickHouse keeps data over a stop, a kill and restarts, on the same address",
  async () => {
    await withDirectory(async (dataDir) => {
      {
        await using engine = await EmbeddedClickHouse.start({ dataDir });
        const client = clientOf(engine);
        await client.command({
          query: "CREATE TABLE t (k UInt64) ENGINE = MergeTree ORDER BY k " +
            "SETTINGS non_replicated_deduplication_window = 100",
        });
        await client.close();
      }
      await using engine = await EmbeddedClickHouse.start({ dataDir, backoffMs: 10 });
      const client = clientOf(engine);
      const insert = (k: number) =>
        client.insert({
          table: "t",
          values: [{ k }],
          format: "JSONEachRow",
          clickhouse_settings: { insert_deduplication_token: String(k) },
        });
      const { url, pid } = engine;
      for (let k = 0; k < 20; k++) await insert(k);
      Deno.kill(pid, "SIGKILL");
      while (!(await client.ping()).success || engine.restarts === 0) await delay(20);
      assertEquals([engine.url, engine.restarts], [url, 1]);
      assert(engine.pid !== pid);
      // What was acknowledged is there, and its repetition is still known.
      for (let k = 15; k < 25; k++) await insert(k);
      const answer = await client.query({
        query: "SELECT count(), uniqExact(k) FROM t",
        format: "JSONCompactEachRow",
      });
      assertEquals(await answer.json(), [["25", "25"]]);
      await client.close();
    });
  },
);

testWith(
  ["chdb"],
  "EmbeddedClickHouse hides its password and answers on the loopback address only",
  async () => {
    await withDirectory(async (dataDir) => {
      await using engine = await EmbeddedClickHouse.start({ dataDir });
      assertMatch(engine.password, /^[0-9a-f]{48}$/);
      for (const file of ["cmdline", "environ"]) {
        const text = await Deno.readTextFile(`/proc/${engine.pid}/${file}`);
        assert(!text.includes(engine.password), file);
      }
      const port = Number(new URL(engine.url).port).toString(16).toUpperCase().padStart(4, "0");
      const sockets = (await Deno.readTextFile("/proc/net/tcp")).split("\n").filter((line) =>
        line.includes(`:${port} `)
      );
      assert(sockets.some((line) => line.includes(`0100007F:${port} 00000000:0000 0A`)));
    });
  },
);

testWith(
  ["chdb"],
  "a question's threads go behind those of inserts, where the engine may do that",
  async () => {
    await withDirectory(async (dataDir) => {
      await using engine = await EmbeddedClickHouse.start({ dataDir });
      const client = clientOf(engine);
      const niceOf = (thread: string) => {
        try {
          const stat = Deno.readTextFileSync(`/proc/${engine.pid}/task/${thread}/stat`);
          return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
        } catch {
          // A thread that worked for a query may have ended.
          return NaN;
        }
      };
      const [, caps] = /^CapEff:\s*(\w+)/m.exec(Deno.readTextFileSync(`/proc/${engine.pid}/status`))!;
      const mayLower = (BigInt(`0x${caps}`) >> 23n & 1n) === 1n;
      const stop = new AbortController();
      const run = (name: string, priority: string) =>
        client.query({
          query: `SELECT sleepEachRow(1) FROM numbers(3000) AS ${name}`,
          abort_signal: stop.signal,
          clickhouse_settings: {
            priority,
            max_block_size: "1",
            function_sleep_max_microseconds_per_block: "0",
          },
        }).catch(() => {});
      const running = [run("question", "2"), run("insert", "1")];
      const threads = async (name: string) => {
        const answer = await client.query({
          query: "SELECT arrayJoin(thread_ids) FROM system.processes WHERE query LIKE {pattern:String}",
          query_params: { pattern: `%numbers(3000) AS ${name}%` },
          format: "JSONCompactEachRow",
        });
        return (await answer.json<[string]>()).map(([thread]) => niceOf(thread));
      };
      const wait = async (name: string, nice: number) => {
        while (!(await threads(name)).includes(nice)) await delay(20);
      };
      await wait("question", mayLower ? 10 : niceOf(String(engine.pid)));
      await wait("insert", niceOf(String(engine.pid)));
      stop.abort();
      await Promise.all(running);
      await client.close();
    });
  },
);

testWith(["chdb"], "EmbeddedClickHouse.start() names who has the directory", async () => {
  await withDirectory(async (dataDir) => {
    await using engine = await EmbeddedClickHouse.start({ dataDir });
    const error = await assertRejects(() => EmbeddedClickHouse.start({ dataDir }), Error);
    assertStringIncludes(error.message, "Cannot use the data directory as another process has it");
    assertStringIncludes(error.message, `process ${engine.pid}`);
  });
});

testWith(["chdb"], "EmbeddedClickHouse.start() says that the directory cannot be written", async () => {
  await withDirectory(async (dataDir) => {
    await Deno.writeTextFile(`${dataDir}/file`, "");
    const error = await assertRejects(
      () => EmbeddedClickHouse.start({ dataDir: `${dataDir}/file/below` }),
      Error,
    );
    assertStringIncludes(error.message, "Cannot use the data directory as it cannot be written");
  });
});

testWith(["chdb"], "the engine's child ends with a parent that is killed", async () => {
  await withDirectory(async (dataDir) => {
    const source = `
      import { EmbeddedClickHouse } from ${JSON.stringify(import.meta.resolve("./supervisor.ts"))};
      const engine = await EmbeddedClickHouse.start({ dataDir: Deno.args[0] });
      console.log(engine.pid);
      await new Promise((resolve) => setTimeout(resolve, 60_000));`;
    const script = await Deno.makeTempFile({ dir: ROOT, prefix: ".parent_", suffix: ".ts" });
    try {
      await Deno.writeTextFile(script, source);
      const parent = new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--allow-all", script, dataDir],
        stdout: "piped",
      }).spawn();
      const lines = parent.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
        .getReader();
      const { value: pid } = await lines.read();
      parent.kill("SIGKILL");
      await parent.status;
      await lines.cancel();
      while (await Deno.stat(`/proc/${pid}`).then(() => true, () => false)) await delay(20);
    } finally {
      await Deno.remove(script);
    }
    // And so the directory is free.
    await using engine = await EmbeddedClickHouse.start({ dataDir });
    assertEquals(engine.restarts, 0);
  });
});

testWith(["chdb", "curl"], "deno task clickhouse answers curl, and ends orderly at SIGTERM", async () => {
  await withDirectory(async (dataDir) => {
    const flags = ["--listen=127.0.0.1:0", `--data-dir=${dataDir}`];
    const env = { APERTURE_CLICKHOUSE_PASSWORD: "se cret", TZ: "America/New_York" };
    const program = spawn(flags, { env }).spawn();
    const lines = program.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
      .getReader();
    const { value: first = "" } = await lines.read();
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(first)?.[0];
    assert(url !== undefined, first);
    const curl = async (...args: string[]) => {
      const { stdout } = await new Deno.Command("curl", {
        args: ["-sS", "-u", "default:se cret", url, ...args],
      })
        .output();
      return new TextDecoder().decode(stdout);
    };
    assertEquals(await curl("-d", "SELECT timezone(), toDateTime(0)"), "UTC\t1970-01-01 00:00:00\n");
    assertEquals(await curl("-d", "CREATE TABLE t (k UInt64, s String) ENGINE = MergeTree ORDER BY k"), "");
    assertEquals(await curl("-d", "INSERT INTO t VALUES (1, 'a;b'), (2, 'c')"), "");
    assertEquals(await curl("-d", "INSERT INTO t FORMAT CSV\n3,d\n"), "");
    assertEquals(await curl("-d", "SELECT * FROM t ORDER BY k FORMAT CSV"), '1,"a;b"\n2,"c"\n3,"d"\n');
    assertMatch(await curl("-d", "SELECT nope"), /^Code: 47\. DB::Exception: .*\(UNKNOWN_IDENTIFIER\)/);

    const port = new URL(url).port;
    const second = await spawn([`--listen=127.0.0.1:${port}`, `--data-dir=${dataDir}/other`]).output();
    assertEquals(second.code, 1);
    assertStringIncludes(new TextDecoder().decode(second.stderr), `Cannot listen on 127.0.0.1:${port}`);

    program.kill("SIGTERM");
    assertEquals((await program.status).code, 0);
    while (!(await lines.read()).done) { /* what it says at the end */ }
    await program.stdout.cancel();
  });
});

testWith(
  ["chdb"],
  "deno task clickhouse refuses wrong flags, and an open address without a password",
  async () => {
    await withDirectory(async (dataDir) => {
      const wrong = await spawn(["--memory=little"]).output();
      assertEquals(wrong.code, 2);
      assertStringIncludes(new TextDecoder().decode(wrong.stderr), "Cannot parse '--memory'");
      const open = await spawn(["--listen=0.0.0.0:0", `--data-dir=${dataDir}`]).output();
      assertEquals(open.code, 1);
      assertStringIncludes(new TextDecoder().decode(open.stderr), "without a password");
      const help = await spawn(["--help"]).output();
      assertEquals(help.code, 0);
      assertStringIncludes(new TextDecoder().decode(help.stdout), "--data-dir DIRECTORY");
    });
  },
);

testWith(
  ["chdb"],
  "EmbeddedClickHouse is started again when asked, not too often, and corrects its tracker",
  async () => {
    await withDirectory(async (dataDir) => {
      await using engine = await EmbeddedClickHouse.start({ dataDir, backoffMs: 10, restartPauseMs: 60_000 });
      await using client = clientOf(engine);
      const setting = async (name: string) => {
        const answer = await client.query({
          query: "SELECT value FROM system.server_settings WHERE name = {name:String}",
          query_params: { name },
          format: "JSONEachRow",
        });
        return (await answer.json<{ value: string }>())[0]?.value;
      };
      assertEquals(await setting("memory_worker_correct_memory_tracker"), "1");
      const { pid } = engine;
      assertEquals(engine.restart("a test"), true);
      assertEquals(engine.restart("a test"), false);
      while (engine.restarts === 0) await delay(20);
      assert(engine.pid !== pid);
      assertEquals(await setting("max_server_memory_usage"), String(2 ** 30));
    });
  },
);
