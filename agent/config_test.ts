import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../cli/settings.ts";
import { AGENT_SETTINGS, agentHelp, kindsOf, readAgentConfig } from "./config.ts";

Deno.test("readAgentConfig() has the documented defaults", () => {
  const config = readAgentConfig([], {});
  assertEquals([config.mode, config.freq, config.pushInterval, config.aggregator], [
    "cpu",
    99,
    10_000,
    undefined,
  ]);
});

Deno.test("kindsOf() gives a mode's kinds", () => {
  for (const mode of ["cpu", "lock", "syscall"] as const) {
    assertEquals(kindsOf(readAgentConfig([], { APERTURE_MODE: mode }).mode), [mode]);
  }
  assertEquals(kindsOf(readAgentConfig(["--mode", "all"], {}).mode), ["cpu", "lock", "syscall"]);
});

Deno.test("readAgentConfig() takes a threshold for slow calls below a millisecond", () => {
  assertEquals(readAgentConfig([], {}).syscallSlow, 1);
  assertEquals(readAgentConfig([], { APERTURE_SYSCALL_SLOW: "0.5ms" }).syscallSlow, 0.5);
  assertThrows(() => readAgentConfig(["--syscall-slow", "soon"], {}), UsageError, '"soon"');
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
