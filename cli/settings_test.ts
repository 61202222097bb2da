import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  address,
  bytes,
  defineSettings,
  describeSettings,
  duration,
  httpUrl,
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
  [["--nope"], {}, "Unknown flag '--nope': see --help"],
  [["-x"], {}, "Unknown flag '-x'"],
  [["extra"], {}, "Unknown argument 'extra': see --help"],
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
