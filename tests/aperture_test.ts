// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture` and a real aggregator: every example of its help and of docs/cli.md, on terminals of 80 and of 200 columns
 * and in a pipe; its totals, its differences and how it ends.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { columnsOf } from "../agent/output/fit.js";
import type { AggregateJson } from "../aggregator/http/answers.ts";
import { ALL as COMMANDS } from "../cli/program.ts";
import { FIRST_EXAMPLES } from "../cli/help.ts";
import { RunningAggregator } from "../tasks/programs.ts";
import { taskFlags } from "../common/task_flags.ts";
import { type Ran, runProgram } from "./support/child.ts";
import { strippedSpin } from "./support/debug_files.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";
import { RememberingProxy } from "./support/remembering_proxy.ts";
import { pushShop, SLOWED } from "./support/shop.ts";
import type { Result } from "./support/run_examples.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const DENO = ["run", "--quiet", "--frozen", `--config=${ROOT}deno.json`];

/** These ask no aggregator: tests of their own run their examples. */
const ELSEWHERE = /^aperture (record|top --here|agent|aggregator|mcp)\b/;
/** A growth that is over its bound ends so, and a rule that would fire. */
const MET = /--fail-over|alerts check/;

/** Returns the lines of docs/cli.md and of the help. */
function examples(): string[] {
  const page = Deno.readTextFileSync(`${ROOT}docs/cli.md`);
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) => block!.split("\n"));
  const lines = blocks.map((line) => line.replace(/\s+# .*$/, "").trim()).filter((line) => line !== "");
  for (const line of lines) {
    assert(line.startsWith("aperture "), `docs/cli.md has a line that is no example: ${line}`);
  }
  const own = COMMANDS.flatMap(({ examples }) => examples);
  return [...new Set([...lines, ...[...own, ...FIRST_EXAMPLES].map(({ line }) => line)])]
    .filter((line) => !ELSEWHERE.test(line));
}

/** What changes something says so, and gives no data. */
const CHANGES = /^aperture (alerts (add|toggle|silence|remove)|upload|symbols upload)\b/;

interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Is the terminal's width; without it, a pipe. */
  readonly columns?: number;
}

/** Runs lines in one process, in a pipe or on a terminal of util-linux's script(1). */
async function runLines(lines: readonly string[], { cwd, env, columns }: Place): Promise<Result[]> {
  const name = `${cwd}/lines-${columns ?? "pipe"}`;
  await Deno.writeTextFile(`${name}.json`, JSON.stringify(lines));
  const args = [
    ...DENO,
    "--allow-all",
    `${ROOT}tests/support/run_examples.ts`,
    `${name}.json`,
    `${name}.results`,
  ];
  const command = [Deno.execPath(), ...args].map((word) => `'${word}'`).join(" ");
  const ran = columns === undefined
    ? await runProgram(Deno.execPath(), args, { cwd, env })
    : await runProgram("script", ["-qec", `stty cols ${columns} rows 50; ${command}`, "/dev/null"], {
      cwd,
      env,
    });
  assertEquals(ran.code, 0, ran.stdout + ran.stderr);
  return JSON.parse(await Deno.readTextFile(`${name}.results`));
}

/** Runs `aperture` as its task does. */
async function aperture(args: readonly string[], { cwd, env }: Pick<Place, "cwd" | "env">): Promise<Ran> {
  const flags = [...taskFlags("aperture"), `--config=${ROOT}deno.json`];
  return await runProgram(Deno.execPath(), ["run", ...flags, `${ROOT}cli/main.ts`, ...args], {
    cwd,
    env: { INIT_CWD: cwd, ...env },
  });
}

Deno.test("each command that asks has five examples of itself", () => {
  for (const { name, examples, passes } of COMMANDS) {
    // An assistant's program starts mcp.
    if (passes || name === "mcp") continue;
    assertEquals(examples.length, 5, name);
    for (const { line } of examples) assert(line.includes(`aperture ${name}`), line);
  }
});

testWith(
  ["chdb", "script", "gcc"],
  "aperture's examples run on terminals and in a pipe, and its totals are REST's",
  async (t) => {
    using folder = new TempFolder();
    await using aggregator = await RunningAggregator.start({
      args: [`--data-dir=${folder.path}/data`, "--log-level=warning"],
      env: { APERTURE_AUTH_TOKEN: "secret" },
    });
    const slowed = await pushShop(aggregator, "secret");
    const env = {
      APERTURE_SERVER: aggregator.http,
      APERTURE_AGGREGATOR: aggregator.grpc,
      APERTURE_AUTH_TOKEN: "secret",
    };
    const place = { cwd: folder.path, env };
    const lines = examples();

    await t.step("totals of a table of all rows are REST's", async () => {
      const [from, to] = [-3_600_000, 3_600_000].map((ms) => new Date(slowed + ms).toISOString()) as [
        string,
        string,
      ];
      const time = ["--from", from, "--to", to];
      const { code, stdout } = await aperture(
        ["query", "cpu", ...time, "-n", "1000", "-o", "csv", "-q"],
        place,
      );
      assertEquals(code, 0);
      const rows = records(stdout);
      const body = JSON.stringify({ from, to, group_by: ["function"], limit: 1000 });
      const answer = await aggregator.json("/api/aggregate", {
        method: "POST",
        body,
        headers: { "content-type": "application/json", authorization: "Bearer secret" },
      }) as AggregateJson;
      const sum = (name: string) => rows.reduce((sum, row) => sum + Number(row[name]), 0);
      assertEquals({ value: sum("self_ns"), count: sum("self_count") }, answer.total);
      const json = await aperture(["query", "cpu", ...time, "-n", "1000", "-o", "json", "-q"], place);
      const { cost: _cost, ...told } = JSON.parse(json.stdout);
      const { cost: _other, ...rest } = answer;
      assertEquals(told, rest);
    });

    await t.step("diff finds the function that was slowed, and no other", async () => {
      const [from, to] = [slowed, slowed + 600_000].map((ms) => new Date(ms).toISOString());
      const args = ["diff", "--from", from!, "--to", to!, "--before", "0s", "-o", "csv", "-q"];
      const { code, stdout, stderr } = await aperture(args, place);
      assertEquals([code, stderr], [0, ""]);
      const rows = records(stdout);
      assertEquals(rows.map((row) => row.function), [SLOWED], stdout);
      assert(Math.abs(Number(rows[0]!.to) / Number(rows[0]!.from) - 5) < 0.3, stdout);
      const [met, not] = await Promise.all(
        ["5%", "50%"].map((bound) => aperture([...args, "--fail-over", bound], place)),
      );
      assertEquals([met!.code, not!.code], [3, 0]);
      const same = await aperture(["diff", "node=node-1", "node=node-2", "-q"], place);
      assertStringIncludes(same.stdout, "No function changed beyond noise");
    });

    // Behind them, as some examples add to what is stored.
    await t.step("every example of the help and of docs/cli.md", async () => {
      // All three ask the same: what is looked at is how each shows it.
      await using proxy = new RememberingProxy(aggregator.http);
      const asking = { ...env, APERTURE_SERVER: proxy.url };
      const [pipe, narrow, wide] = await Promise.all([undefined, 80, 200].map(async (columns) => {
        const cwd = `${folder.path}/${columns ?? "pipe"}`;
        await files(aggregator, cwd);
        return await runLines(lines, { cwd, env: asking, ...columns !== undefined && { columns } });
      }));
      assert(proxy.counts.passed < proxy.counts.asked / 2, JSON.stringify(proxy.counts));
      const opened = pipe!.find(({ line }) => line === "aperture open cpu service=shop --since 1h")!.stdout;
      assertEquals(Object.fromEntries(new URL(opened).searchParams), {
        ...{ view: "cpu", from: "-1h", to: "now", match: 'service="shop"', kind: "cpu" },
      });
      const speedscope = JSON.parse(
        pipe!.find(({ line }) => line.includes("-o speedscope > speedscope.json"))!.stdout,
      );
      assertEquals(speedscope.$schema, "https://www.speedscope.app/file-format-schema.json");
      assert(speedscope.shared.frames.some(({ name }: { name: string }) => name === SLOWED));
      for (const [columns, results] of [[Infinity, pipe!], [80, narrow!], [200, wide!]] as const) {
        assertEquals(results.map(({ line }) => line), lines);
        for (const { line, code, stdout, stderr } of results) {
          assertExample({ line, code, stdout, stderr }, columns);
        }
      }
    });

    await t.step("top takes keys on a terminal, and ends with q", async () => {
      const words = [
        "run",
        ...taskFlags("aperture"),
        `--config=${ROOT}deno.json`,
        `${ROOT}cli/main.ts`,
        "top",
      ];
      const command = [Deno.execPath(), ...words, "-i", "1s", "-n", "5"].map((word) => `'${word}'`).join(" ");
      await using child = new Deno.Command("script", {
        args: ["-qefc", `stty cols 80 rows 50; ${command}`, "/dev/null"],
        env: { INIT_CWD: folder.path, ...env },
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const keys = child.stdin.getWriter();
      let text = "";
      const until = async (wanted: string) => {
        while (!text.includes(wanted)) {
          const { value, done } = await output.read();
          if (done) throw new Error(`top ended without ${wanted}: ${text}`);
          text += value;
        }
      };
      const press = (text: string) => keys.write(new TextEncoder().encode(text));
      await until("cpu of the last 60 s");
      await press("2");
      await until("lock of the last 60 s");
      await press("1/parse_\r");
      await until("only parse_");
      await press("pshopd\r");
      await until('process="shopd"');
      await press("q");
      while (!(await output.read()).done);
      await keys.close().catch(() => {});
      assertEquals((await child.status).code, 0, text);
    });

    await t.step("what goes wrong is one sentence, and the exit status says of which kind", async () => {
      const cases:
        readonly (readonly [args: string[], code: number, stderr: RegExp, env?: Record<string, string>])[] = [
          [["quer"], 2, /^aperture: Unknown command 'quer': did you mean 'query'\? See --help\n$/],
          [["query", "gpu"], 2, /^aperture: Unknown kind 'gpu': did you mean 'cpu'\?\n$/],
          [["query", "sevice=shop"], 2, /^aperture: Unknown label 'sevice': did you mean 'service'\?\n$/],
          [
            ["query", "--sinc", "5m"],
            2,
            /^aperture: Unknown flag '--sinc': did you mean '--since'\? See --help\n$/,
          ],
          [["query", '{pod="a'], 2, /closing brace/],
          [["query", '{pod="a}'], 1, /Cannot take 'match'/],
          [["query", "service=none"], 4, /^No cpu data of service=none, \d\d:\d\d–\d\d:\d\d UTC: /],
          [["query"], 1, /Cannot reach the aggregator at http:\/\/127\.0\.0\.1:1/, {
            APERTURE_SERVER: "http://127.0.0.1:1",
          }],
          [["query"], 1, /without its token: set APERTURE_AUTH_TOKEN/, { APERTURE_AUTH_TOKEN: "" }],
        ];
      await Promise.all(cases.map(async ([args, code, pattern, other]) => {
        const ran = await aperture(args, { ...place, env: { ...env, ...other } });
        assertEquals([ran.code, ran.stdout], [code, ""], ran.stderr);
        assert(pattern.test(ran.stderr), ran.stderr);
      }));
    });
  },
);

/** Writes the files that examples are about. */
async function files(aggregator: RunningAggregator, folder: string): Promise<void> {
  using programs = new TempFolder();
  await Deno.mkdir(folder);
  for (
    const [name, path] of [["profile.json", "json"], ["cpu.pb.gz", "pprof"], ["stacks.folded", "collapsed"]]
  ) {
    // Of the day before: what is uploaded again is then in no other example.
    const response = await aggregator.fetch(`/api/export/${path}?from=-1465m&to=-1430m`, {
      headers: { authorization: "Bearer secret" },
    });
    await Deno.writeFile(`${folder}/${name}`, await response.bytes());
  }
  await Deno.copyFile(strippedSpin(programs, "shop").debug, `${folder}/program.debug`);
  await Deno.writeTextFile(
    `${folder}/relabel.yml`,
    "- { action: drop, source_labels: [namespace], regex: kube-.* }\n- { target_label: team, replacement: shop }\n",
  );
  await Deno.writeTextFile(
    `${folder}/rules.yml`,
    "rules:\n- { name: Parser grew, measure: share, function: parse_json, threshold: 10%, window: 5m }\n" +
      "- { name: Redis grew, measure: cores, module: /usr/bin/redis-server, threshold: 9, window: 5m }\n",
  );
}

/** Holds one example to having worked, and to fitting where it was. */
function assertExample({ line, code, stdout, stderr }: Result, columns: number): void {
  assertEquals(code, MET.test(line) ? 3 : 0, `${line}: ${stdout}${stderr}`);
  assert(
    stdout !== "" || line.includes(">") || CHANGES.test(line) && (stderr !== "" || line.endsWith(" -q")),
    `${line} said nothing: ${stderr}`,
  );
  // deno-lint-ignore no-control-regex -- colours are what it is about
  const plain = stdout.replaceAll(/\x1b\[[0-9;]*[A-Za-z]/g, "");
  if (columns === Infinity) {
    assertEquals(stdout, plain, `${line} has colours in a pipe`);
    assert(line.includes("-o svg") || !/\S…/.test(stdout), `${line} cut what goes into a pipe: ${stdout}`);
    return;
  }
  if (/-o (?!table)|^aperture (open|completion|upload)/.test(line)) return;
  const long = plain.split("\n").filter((text) => columnsOf(text) > columns);
  assertEquals(long, [], `${line} does not fit ${columns} columns`);
}

/** Reads CSV whose cells have no quotes but around those with commas. */
function records(csv: string): Record<string, string>[] {
  const [head, ...lines] = csv.trimEnd().split("\n").map((line) =>
    [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, cell]) => cell!.replace(/^"(.*)"$/, "$1"))
  );
  return lines.map((cells) => Object.fromEntries(head!.map((name, i) => [name, cells[i] ?? ""])));
}
