// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  address,
  bytes,
  defineSettings,
  describeSettings,
  duration,
  httpUrl,
  httpUrls,
  integer,
  oneOf,
  readSettings,
  text,
  toggle,
  UsageError,
} from "./settings.ts";

const SETTINGS = defineSettings({
  freq: {
    flag: "freq",
    env: "APERTURE_FREQ",
    placeholder: "HZ",
    help: "Samples a second",
    default: "99",
    schema: integer(1, 1000),
  },
  pid: {
    flag: "pid",
    alias: "p",
    placeholder: "PID",
    help: "Only this process",
    schema: integer(1, 4_194_304),
  },
  interval: { flag: "interval", placeholder: "TIME", help: "Window", default: "10s", schema: duration(1000) },
  mode: {
    flag: "mode",
    env: "APERTURE_MODE",
    placeholder: "MODE",
    help: "",
    default: "cpu",
    schema: oneOf(["cpu", "all"]),
  },
  listen: { flag: "listen", placeholder: "ADDRESS", help: "", default: ":9090", schema: address() },
  memory: { flag: "memory", placeholder: "SIZE", help: "", default: "64MiB", schema: bytes(1) },
  url: { flag: "url", placeholder: "URL", help: "", schema: httpUrl() },
  urls: { flag: "urls", env: "URLS", placeholder: "URLS", help: "", schema: httpUrls() },
  name: { flag: "name", placeholder: "NAME", help: "", schema: text() },
  exit: { flag: "exit", placeholder: "", help: "Stop", schema: toggle() },
});

function read(args: string[], env: Record<string, string> = {}) {
  return readSettings(SETTINGS, args, env);
}

Deno.test("readSettings() takes a flag before the environment before the default", () => {
  assertEquals(read([]).freq, 99);
  assertEquals(read([], { APERTURE_FREQ: "49" }).freq, 49);
  assertEquals(read(["--freq", "19"], { APERTURE_FREQ: "49" }).freq, 19);
  assertEquals(read(["--freq=19"]).freq, 19);
  assertEquals(read(["-p", "12"]).pid, 12);
});

Deno.test("readSettings() leaves an unset setting without a default undefined", () => {
  assertEquals(read([]).pid, undefined);
  assertEquals(read([]).exit, undefined);
  assertEquals(read(["--exit"]).exit, true);
});

Deno.test("readSettings() takes an empty variable as unset", () => {
  assertEquals(read([], { APERTURE_FREQ: "" }).freq, 99);
});

Deno.test("readSettings() parses durations, sizes and addresses", () => {
  assertEquals(read(["--interval", "1m30s"]).interval, 90_000);
  assertEquals(read(["--interval", "1500ms"]).interval, 1500);
  assertEquals(read(["--memory", "2GiB"]).memory, 2 ** 31);
  assertEquals(read(["--memory", "512K"]).memory, 2 ** 19);
  assertEquals(read([]).listen, { hostname: "0.0.0.0", port: 9090 });
  assertEquals(read(["--listen", "[::1]:80"]).listen, { hostname: "::1", port: 80 });
});

Deno.test("readSettings() takes a lone dash as a value", () => {
  assertEquals(read(["--name", "-"]).name, "-");
  assertEquals(read(["--name=-"]).name, "-");
  assertThrows(() => read(["--exit", "-"]), UsageError, "'-'");
});

const WRONG: [args: string[], env: Record<string, string>, message: string][] = [
  [
    [],
    { APERTURE_FREQ: "fast" },
    `Cannot parse 'APERTURE_FREQ' as it is not a number from 1 to 1000: current value is "fast"`,
  ],
  [["--freq", "0"], {}, `Cannot parse '--freq' as it is not a number from 1 to 1000: current value is "0"`],
  [["--freq=-5"], {}, `current value is "-5"`],
  [["--freq", "1e2"], {}, "not a number"],
  [["--freq"], {}, "Missing a value: '--freq HZ'"],
  [["--interval", "10"], {}, "a duration like"],
  [["--interval", "1ms"], {}, "at least 1000 ms"],
  [["--mode", "gpu"], {}, "one of cpu, all"],
  [["--listen", "host"], {}, "an address like"],
  [["--listen", "host:99999"], {}, "an address like"],
  [["--memory", "lots"], {}, "a size like"],
  [["--url", "ftp://x"], {}, "a URL like"],
  [["--url", "http://me:secret@host:99999/a"], {}, 'current value is "http://***@host:99999/a"'],
  // A slash in a password is a common reason for a URL to be none.
  [["--url", "http://me:se/cr@et@host"], {}, 'current value is "http://***@host"'],
  [["--url", "me:secret@host:8002"], {}, 'current value is "***@host:8002"'],
  [
    [],
    { URLS: "http://one http://me:secret@two ftp://me:secret@three" },
    'not a list of URLs like http://host:8002 https://other: current value is "http://one http://***@two ftp://***@three"',
  ],
  [["--nope"], {}, "Unknown flag '--nope': see --help"],
  [["-x"], {}, "Unknown flag '-x'"],
  [["--nope=http://me:secret@host"], {}, "Unknown flag '--nope': see --help"],
  [["extra"], {}, "Unknown argument 'extra': see --help"],
  [["http://me:secret@host"], {}, "Unknown argument 'http://***@host': see --help"],
];

for (const [args, env, message] of WRONG) {
  Deno.test(`readSettings() refuses ${JSON.stringify(args)} ${JSON.stringify(env)}`, () => {
    assertThrows(() => read(args, env), UsageError, message);
  });
}

Deno.test("describeSettings() shows flag, default and variable", () => {
  const help = describeSettings(SETTINGS);
  assertStringIncludes(help, "      --freq HZ");
  assertStringIncludes(help, "Samples a second [default: 99; APERTURE_FREQ]");
  assertStringIncludes(help, "  -p, --pid PID");
});

Deno.test("describeSettings() wraps what is long below where it begins", () => {
  const long = "word ".repeat(40).trim();
  const lines = describeSettings({
    short: { flag: "short", placeholder: "", help: "Short", schema: toggle() },
    long: { flag: "longer", placeholder: "TEXT", help: long, default: "x".repeat(120), schema: text() },
  }).split("\n");
  const column = lines[0]!.indexOf("Short");
  assertEquals(lines[1]!.slice(0, column).trim(), "--longer TEXT");
  for (const line of lines.slice(2)) assertEquals(line.slice(0, column).trim(), "");
  assertEquals(
    lines.slice(1).map((line) => line.slice(column)).join(" "),
    `${long} [default: ${"x".repeat(120)}]`,
  );
  // A word that is too long is not torn.
  assertEquals(lines.filter((line) => line.length > 110).map((line) => line.trim()), [`${"x".repeat(120)}]`]);
});
