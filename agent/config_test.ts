// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../common/settings.ts";
import { KINDS } from "../profile/model.ts";
import { AGENT_SETTINGS, agentHelp, readAgentConfig } from "./config.ts";

Deno.test("readAgentConfig() has the documented defaults", () => {
  const config = readAgentConfig([], {});
  assertEquals([config.mode, config.freq, config.pushInterval, config.aggregator], [
    ["cpu"],
    99,
    10_000,
    undefined,
  ]);
});

Deno.test("readAgentConfig() takes one kind, some, and all", () => {
  const mode = (text: string) => readAgentConfig([], { APERTURE_MODE: text }).mode;
  for (const kind of KINDS) assertEquals(mode(kind), [kind]);
  assertEquals(mode("lock,cpu"), ["cpu", "lock"]);
  assertEquals(mode("syscall,syscall"), ["syscall"]);
  assertEquals(mode("all"), ["cpu", "lock", "syscall"]);
  for (const wrong of ["cpu,", "memory", "all,cpu"]) {
    assertThrows(() => mode(wrong), UsageError, `or all: current value is "${wrong}"`);
  }
});

Deno.test("readAgentConfig() takes a number alone for a duration in seconds", () => {
  const duration = (text: string) => readAgentConfig(["--duration", text], {}).duration;
  assertEquals(["5", "0.5", "5s", "1m30s"].map(duration), [5000, 500, 5000, 90_000]);
  for (const wrong of ["0", "5 s", "s", "1m30"]) {
    assertThrows(() => duration(wrong), UsageError, "--duration");
  }
  // A window of 10 could be meant as milliseconds.
  assertThrows(() => readAgentConfig(["--push-interval", "10"], {}), UsageError, "--push-interval");
});

Deno.test("readAgentConfig() takes what stands behind -- for a command", () => {
  const config = readAgentConfig(["-F", "49", "--", "sh", "-c", "--freq", "--", "x"], {});
  assertEquals([config.freq, config.command], [49, ["sh", "-c", "--freq", "--", "x"]]);
  assertEquals(readAgentConfig([], {}).command, undefined);
  assertThrows(() => readAgentConfig(["--"], {}), UsageError, "Missing a command behind '--'");
  assertThrows(() => readAgentConfig(["--pid", "1", "--", "ls"], {}), UsageError, "leave one of them out");
});

Deno.test("readAgentConfig() takes a threshold for slow calls below a millisecond", () => {
  assertEquals(readAgentConfig([], {}).syscallSlow, 1);
  assertEquals(readAgentConfig([], { APERTURE_SYSCALL_SLOW: "0.5ms" }).syscallSlow, 0.5);
  assertThrows(() => readAgentConfig(["--syscall-slow", "soon"], {}), UsageError, '"soon"');
});

Deno.test("readAgentConfig() takes the variables of debuginfod's clients as they mean them", () => {
  assertEquals(readAgentConfig([], { DEBUGINFOD_URLS: "" }).debuginfodUrls, undefined);
  const config = readAgentConfig([], {
    DEBUGINFOD_URLS: " ima:enforcing https://one.example/  http://127.0.0.1:8002\tima:ignore ",
    DEBUGINFOD_CACHE_PATH: "/var/cache/debug",
    DEBUGINFOD_TIMEOUT: "-1",
    DEBUGINFOD_MAXSIZE: "1000000",
  });
  const { debuginfodUrls, debuginfodCache, debuginfodTimeout, debuginfodMaxSize } = config;
  assertEquals(debuginfodUrls?.map(({ href }) => href), ["https://one.example/", "http://127.0.0.1:8002/"]);
  assertEquals([debuginfodCache, debuginfodTimeout, debuginfodMaxSize], ["/var/cache/debug", -1, 1_000_000]);
  for (const wrong of ["one.example", "http://one.example,http://two.example http://", "file:///srv"]) {
    assertThrows(() => readAgentConfig([], { DEBUGINFOD_URLS: wrong }), UsageError, "'DEBUGINFOD_URLS'");
  }
  assertThrows(() => readAgentConfig([], { DEBUGINFOD_TIMEOUT: "90s" }), UsageError, `"90s"`);
});

Deno.test("readAgentConfig() refuses frequency 0 and 'fast'", () => {
  assertThrows(() => readAgentConfig(["--freq", "0"], {}), UsageError, `current value is "0"`);
  assertThrows(() => readAgentConfig([], { APERTURE_FREQ: "fast" }), UsageError, "'APERTURE_FREQ'");
});

Deno.test("agentHelp() names every flag and variable", () => {
  const help = agentHelp();
  for (const { flag, env } of Object.values(AGENT_SETTINGS) as { flag: string; env?: string }[]) {
    assertStringIncludes(help, `--${flag}`);
    if (env) assertStringIncludes(help, env);
  }
});
