// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * The page on a real aggregator that a real agent fills: kernel → agent → gRPC → Deno KV → ClickHouse → REST → chromium.
 */

import { assert, assertAlmostEquals, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EmbeddedClickHouse } from "../aggregator/embedded/supervisor.ts";
import type { LocksJson, SyscallsJson, TopJson } from "../aggregator/http/answers.ts";
import { formatCount } from "../aggregator/ui/parts/format.ts";
import { isoTime } from "../aggregator/ui/state/range.ts";
import { Program, RunningAggregator } from "../tasks/programs.ts";
import { build } from "../tasks/build.ts";
import { openBrowser } from "./support/browser.ts";
import { compileProgram } from "./support/compiled.ts";
import { Contender } from "./support/contender.ts";
import { limitCpu } from "./support/cpu_limit.ts";
import { testWith } from "./support/needs.ts";
import { childOf, PidNamespace } from "./support/pid_namespace.ts";
import { RunningProgram, TempFolder } from "./support/programs.ts";
import { until } from "./support/until.ts";
import { coloursOfRow, search, settled, text } from "./support/visits.ts";

const PROGRAMS = new URL("programs/", import.meta.url).pathname;
/** A burst that is not seen after so long is none of the stored ones. */
const AGAIN_MS = 10_000;
const REGRESSION = "regression.py";
const SCRIPT = "script.js";
const KINDS = "all_kinds";
const CHAIN = "lock_chain";
const OURS = `process=~"${REGRESSION}|${SCRIPT}|${KINDS}"`;
const LOCKING = `process="${CHAIN}"`;
const SLOWED = `process="${REGRESSION}"`;
/** Questions to storage take from a small machine what they wait for. */
const ASKED = { every: 500 };
/** Storage keeps samples by so much time. */
const BUCKET_MS = 10_000;
/** Times that the page says have three digits; those of the program are taken outside of the lock's own calls. */
const NEAR = 0.05;
/** So many samples of a function tell how much of a program's time it takes: those of some ten seconds. */
const ENOUGH = 40;

testWith(
  ["agent", "chdb", "chromium", "clang", "node", "nsenter", "python3"],
  "the page shows what an agent saw of programs",
  async (t) => {
    await build();
    await using cleanup = new AsyncDisposableStack();
    const folder = cleanup.use(new TempFolder());
    // The aggregator's storage is no child of it, so that it can be without.
    const starting = EmbeddedClickHouse.start({ dataDir: `${folder.path}/data` }).then(async (engine) => {
      cleanup.use(engine);
      const aggregator = await RunningAggregator.start({
        args: [
          `--clickhouse-endpoint=${engine.url}`,
          `--data-dir=${folder.path}/aggregator`,
          "--flush-interval=500ms",
          "--log-level=error",
        ],
        env: { APERTURE_CLICKHOUSE_PASSWORD: engine.password },
        timeout: 120_000,
        stderr: "null",
      });
      return { engine, aggregator: cleanup.use(aggregator) };
    });
    const opening = openBrowser();
    const [kinds, chain, regression, script] = [KINDS, CHAIN, REGRESSION, SCRIPT].map((name) =>
      `${folder.path}/${name}`
    );
    await compileProgram(KINDS, folder.path);
    await compileProgram(CHAIN, folder.path);
    await Deno.copyFile(`${PROGRAMS}${REGRESSION}`, regression!);
    await Deno.copyFile(`${PROGRAMS}${SCRIPT}`, script!);
    // Else the agent, the storage and the page have all that runs beside the tests.
    const machine = cleanup.use(await PidNamespace.start());
    const contender = async (path: string) => {
      const [enter, ...words] = machine.enter(path);
      return cleanup.use(await Contender.start(enter, words));
    };
    const [program, chained] = [await contender(kinds!), await contender(chain!)];
    const slowed = await runIn(machine, cleanup, ["python3", regression!], 0.2);
    await runIn(machine, cleanup, ["node", "--perf-basic-prof", script!], 0.1);
    const { engine, aggregator } = await starting;
    cleanup.use(
      new Program("agent", [
        "--mode=all",
        "--freq=97",
        `--aggregator=${aggregator.grpc}`,
        "--push-interval=1s",
        "--node-name=machine",
        "--log-level=error",
      ], { wrapper: machine.enter() }),
    );
    const browser = await opening;
    cleanup.defer(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(120_000);
    const errors: string[] = [];
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(error.message));
    const top = async (query: string, match = OURS) =>
      (await aggregator.json(`/api/top?from=-15m&limit=10000&match={${match}}&${query}`) as {
        rows: { function: string }[];
      }).rows;
    const has = async (query: string, name: string) =>
      (await top(query)).some((row) => row.function === name);
    let bursts = 0;
    /** Has the program contend until a function of its is there: a machine that stands still leaves out a whole burst. */
    const contendFor = async (query: string, name: string) => {
      let last = -Infinity;
      await until(async () => {
        if (performance.now() - last >= AGAIN_MS) {
          await program.contend();
          bursts++;
          last = performance.now();
        }
        return await has(query, name) || undefined;
      }, ASKED);
    };

    /** Counts a function's samples in a range of whole buckets. */
    const samplesIn = async (from: number, to: number, name: string) => {
      const range = `from=${isoTime(from)}&to=${isoTime(to)}`;
      const { rows } = await aggregator.json(`/api/top?${range}&match={${SLOWED}}`) as TopJson;
      return rows.find((row) => row.function === name)?.self.count ?? 0;
    };
    const begin = floorBucket(Date.now()) - BUCKET_MS;
    await until(async () => {
      const now = floorBucket(Date.now());
      // Before the first bucket ends there is nothing to ask for.
      return now > begin + BUCKET_MS && await samplesIn(begin, now, "slowed") >= ENOUGH || undefined;
    }, ASKED);
    // The bucket that it became slow in is of neither range.
    const before = { from: begin, to: floorBucket(Date.now()) };
    Deno.kill(slowed, "SIGUSR1");
    const after = floorBucket(Date.now()) + BUCKET_MS;
    await contendFor("kind=cpu", "hold_lock");
    await contendFor("kind=lock", "want_lock");
    await contendFor("kind=syscall&idle=true", "openat");
    await until(async () => {
      await chained.contend();
      return (await top("kind=lock", LOCKING)).some((row) => row.function === "append_entry") || undefined;
    }, ASKED);
    // The first waits may have come before the unwinder knew the program: what is looked at is from after them, and after
    // the window in which they were counted.
    const chainedFrom = floorBucket(Date.now()) + 2 * BUCKET_MS;
    // Each burst has opened what is not there a thousand times, of which none may be missing.
    await until(async () => {
      const asked = `/api/syscalls?from=-15m&idle=true&match={${OURS}}`;
      const { rows } = await aggregator.json(asked) as SyscallsJson;
      const counted = rows.find(({ call }) => call === "openat")?.errors["ENOENT"] ?? 0;
      return counted >= bursts * 1000 || undefined;
    }, ASKED);

    const open = async (query = "") => {
      await page.goto(`${aggregator.http}/?${query.includes("match=") ? "" : `match=${OURS}`}${query}`);
      await settled(page);
    };
    const press = async (key: string) => {
      await page.keyboard.press(key);
      await settled(page);
    };
    /** The share of a function with what it calls, in %. */
    const totalOf = async (name: string) => {
      const row = (await rowOf("Functions", name).textContent())!;
      return Number(/^\S+ %(\S+) %/.exec(row)?.[1] ?? NaN);
    };
    const rowOf = (label: string, name: string) =>
      page.locator(`[aria-label="${label}"] tbody tr`, { hasText: name }).first();

    await t.step("the overview tells programs, locks and agents, and leads to them filtered", async () => {
      await open();
      const cards = await page.locator(".overview .card").allTextContents();
      assertStringIncludes(cards[0]!, REGRESSION);
      assertStringIncludes(cards[0]!, SCRIPT);
      assertMatch(cards[1]!, /want_lock.*held by hold_lock/);
      assertMatch(cards[4]!, /1 agent, 0 silent.*machine/);
      await page.waitForSelector('[aria-label="Agents"] li:has-text("machine") .spark path');
      await page.click(`[aria-label="CPU"] button:has-text("${REGRESSION}")`);
      await settled(page);
      assertMatch(search(page), new RegExp(`view=cpu.*${SLOWED}`));
    });

    await t.step("the functions of a program have their shares, and a search says the same", async () => {
      const range = `&match=${SLOWED}&from=${isoTime(before.from)}&to=${isoTime(before.to)}`;
      await open(`&view=cpu&mode=table&search=/^steady$/${range}`);
      const found = page.locator(".found", { hasText: /^\d+ hits? · \d/ });
      const share = Number(/ · ([\d.]+) %/.exec((await found.textContent())!)![1]);
      assertEquals(await page.locator('[aria-label="Functions"] tbody .name').allTextContents(), ["steady"]);
      await open(`&view=cpu&mode=table${range}`);
      const [two, one] = [await totalOf("steady"), await totalOf("slowed")];
      assertEquals(share, two);
      assert(two + one > 60 && two + one <= 100.1, `${two} ${one}`);
      assert(two / one > 1.3 && two / one < 3, `${two} ${one}`);
    });

    await t.step("functions are found by the file that they are in, and have their lines", async () => {
      const range = `&match=${SLOWED}&from=${isoTime(before.from)}&to=${isoTime(before.to)}`;
      await open(`&view=cpu&mode=table&search=f:${REGRESSION}${range}`);
      await page.locator(".found", { hasText: /^\d+ hits? · \d/ }).waitFor();
      const names = await page.locator('[aria-label="Functions"] tbody .name').allTextContents();
      assertEquals(names.filter((name) => /^(steady|slowed|main)$/.test(name)).sort(), [
        "main",
        "slowed",
        "steady",
      ]);
      assert(names.every((name) => /^(steady|slowed|main|<module>)$/.test(name)), names.join());
      await rowOf("Functions", "steady").click();
      await settled(page);
      await page.click('.panel button:has-text("Lines of source")');
      await page.waitForSelector(".panel .lines li");
      const lines = await page.locator(".panel .lines li > :first-child").allTextContents();
      const first = (await Deno.readTextFile(regression!)).split("\n").indexOf("def steady(end):") + 1;
      for (const line of lines) {
        const [, number] = new RegExp(`^${REGRESSION}:(\\d+)$`).exec(line)!;
        // It has five lines.
        assert(Number(number) >= first && Number(number) < first + 5, lines.join());
      }
    });

    await t.step("locks have their sites and holders, whose name leads to what they did", async () => {
      await open("&view=locks");
      assertMatch((await rowOf("Locks", "want_lock").textContent())!, /held by hold_lock (100|\d\d\.\d) %/);
      await rowOf("Locks", "want_lock").click();
      await settled(page);
      assert(search(page).includes("pick=want_lock"));
      const drawn = await page.locator('[aria-label="Waiters, lock and holders"] svg text').allTextContents();
      assertMatch(drawn.join(" "), /want_lock.*hold_lock/);
      await open("&view=locks&held=1&mode=table");
      assertMatch((await rowOf("Functions", "hold_lock").textContent())!, / %/);
      const held = await page.locator('[aria-label="Functions"] tbody .name').allTextContents();
      assert(!held.includes("want_lock"), held.join());
      await open("&view=locks");
      await rowOf("Locks", "want_lock").click();
      await settled(page);
      await page.click('[aria-label="Holders"] tbody button:has-text("hold_lock")');
      await settled(page);
      assert(search(page).includes("view=cpu") && search(page).includes("steps=focus:hold_lock"));
      assertMatch(await text(page, ".chip"), /hold_lock/);
      await page.goBack();
      await settled(page);
      await press("Escape");
    });

    await t.step("a holder that waits itself is a chain, whose times are the program's own", async () => {
      // What is counted in a window is kept under the time when that began: it is to begin after the bucket does.
      await until(() => Date.now() >= chainedFrom + BUCKET_MS / 2 || undefined, ASKED);
      const measured = await chained.contend<{ balanceNs: number; entryNs: number }>();
      const to = floorBucket(Date.now()) + BUCKET_MS;
      const range = `from=${isoTime(chainedFrom)}&to=${isoTime(to)}`;
      await until(async () => {
        const { sites } = await aggregator.json(`/api/locks?match={${LOCKING}}&${range}`) as LocksJson;
        const waited = (name: string) => sites.find((site) => site.function === name)?.total.value ?? 0;
        return waited("read_balance") > (1 - NEAR) * measured.balanceNs &&
            waited("append_entry") > (1 - NEAR) * measured.entryNs || undefined;
      }, ASKED);
      await open(`&view=locks&match=${LOCKING}&${range}`);
      const said = await text(page, ".chains li");
      const [, balance, share, entry] =
        /^read_balance (\S+ m?s) held by transfer (\S+) %, which itself waits (\S+ m?s) in append_entry held by write_journal/
          .exec(said) ?? [];
      assertAlmostEquals(nsOf(balance) / measured.balanceNs, 1, NEAR, `${said} ${JSON.stringify(measured)}`);
      assertAlmostEquals(nsOf(entry) / measured.entryNs, 1, NEAR, `${said} ${JSON.stringify(measured)}`);
      assert(Number(share) > 80, said);
      await page.click('.chains button:has-text("append_entry")');
      await settled(page);
      assert(search(page).includes("pick=append_entry"));
      assertMatch((await rowOf("Locks", "append_entry").textContent())!, /held by write_journal/);
    });

    await t.step("system calls have their errors by name, and who makes them", async () => {
      await open("&view=calls");
      await rowOf("System calls", "openat").click();
      await settled(page);
      assertMatch(await text(page, ".errors"), new RegExp(`ENOENT ${formatCount(bursts * 1000)}\\b`));
      await page.waitForSelector(`[aria-label="Callers"] tbody tr:has-text("${KINDS}")`);
      await press("Escape");
    });

    await t.step("data and alerts open, and the agent is there", async () => {
      await open("&view=data");
      assertEquals(await page.locator('[aria-label="Agents"] tbody .name').allTextContents(), ["machine"]);
      await press("8");
      assertEquals(await page.locator('[aria-label="Rules"]').first().isVisible(), true);
      assertEquals(errors, []);
    });

    await t.step("two times are compared: what became slow is named, and grows", async () => {
      await until(async () => await samplesIn(after, Date.now(), "slowed") >= ENOUGH || undefined, ASKED);
      const to = floorBucket(Date.now()) + BUCKET_MS;
      await open(
        `&view=compare&match=${SLOWED}&from=${isoTime(after)}&to=${isoTime(to)}` +
          `&base=${isoTime(before.from)}/${isoTime(before.to)}&side=table`,
      );
      assertMatch((await rowOf("Differences", "slowed").textContent())!, /▲ \+/);
      assertMatch((await rowOf("Differences", "steady").textContent())!, /▼ −/);
      await open(
        `&view=compare&match=${SLOWED}&from=${isoTime(after)}&to=${isoTime(to)}` +
          `&base=${isoTime(before.from)}/${isoTime(before.to)}&steps=hide:steady`,
      );
      // Of what there is after, steady() is a quarter.
      assertMatch(await text(page, ".chip"), /^hidden: stacks through steady [1-4]\d\.\d % hidden×$/);
      await page.fill("#search", "/^slowed$/");
      await page.locator(".found", { hasText: /^\d+ hits?$/ }).waitFor();
      assertEquals(errors, []);
    });

    await t.step("storage that is gone is said, and what was there stays", async () => {
      await open(`&view=cpu&from=${isoTime(before.from)}&to=${isoTime(before.to)}`);
      const { pid } = engine;
      // It is not started again, and has no time to end in order.
      const ended = engine[Symbol.asyncDispose]();
      Deno.kill(pid, "SIGKILL");
      await ended;
      await page.click('[aria-label="Ask again"]');
      await page.waitForSelector(".graph .problem:not([hidden])");
      assertMatch(await text(page, ".graph .problem span"), /^Storage does not answer now/);
      assert(await coloursOfRow(page, 2) > 1);
    });

    await t.step("an aggregator that is gone is said since when", async () => {
      await aggregator.stop("SIGKILL");
      await page.click('[aria-label="Ask again"]');
      await page.locator(".banner.bad", { hasText: /^The aggregator does not answer since/ }).waitFor();
      assert(await coloursOfRow(page, 2) > 1);
    });
  },
);

/** Runs a program in a namespace, from its first line on with `share` of a CPU, and returns its process id out here. */
async function runIn(
  machine: PidNamespace,
  cleanup: AsyncDisposableStack,
  command: readonly string[],
  share: number,
): Promise<number> {
  const [enter, ...words] = machine.enter(...command);
  const entered = cleanup.use(await RunningProgram.start(enter, words));
  const pid = await childOf(entered.pid);
  cleanup.use(limitCpu(pid, share) ?? new DisposableStack());
  return pid;
}

/** Reads a time that the page says. */
function nsOf(text: string | undefined): number {
  const [, amount, unit] = /^(\S+) (m?s)$/.exec(text ?? "") ?? [];
  return Number(amount) * (unit === "s" ? 1e9 : 1e6);
}

/** Returns when the bucket begins that a moment is in. */
function floorBucket(ms: number): number {
  return Math.floor(ms / BUCKET_MS) * BUCKET_MS;
}
