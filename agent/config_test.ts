import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../cli/settings.ts";
import { AGENT_SETTINGS, agentHelp, readAgentConfig } from "./config.ts";

Deno.test("readAgentConfig() has the documented defaults", () => {
  const config = readAgentConfig([], {});
  assertEquals([config.mode, config.freq, config.pushInterval, config.aggregator], [
    "cpu",
    99,
    10_000,
    undefined,
  ]);
});

for (const mode of ["lock", "syscall", "all"]) {
  Deno.test(`readAgentConfig() refuses mode ${mode} and says what there is`, () => {
    assertThrows(
      () => readAgentConfig([], { APERTURE_MODE: mode }),
      UsageError,
      `Cannot watch mode '${mode}' in this version: it collects cpu`,
    );
  });
}

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
