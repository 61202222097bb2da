// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertStringIncludes } from "@std/assert";
import { runProgram as runChild } from "../tests/support/child.ts";
import { testWith } from "../tests/support/needs.ts";
import { TempFolder } from "../tests/support/programs.ts";
import { ALL, runProgram } from "./program.ts";

/** Returns what `aperture completion SHELL` writes. */
async function scriptOf(shell: string): Promise<string> {
  let text = "";
  const sink = {
    write(bytes: Uint8Array) {
      text += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    },
  };
  const signal = new AbortController().signal;
  const place = { env: {}, terminal: false, colors: false, width: () => Infinity, now: Date.now, signal };
  assertEquals(await runProgram(["completion", shell], { ...place, stdout: sink, stderr: sink }), 0, text);
  return text;
}

testWith(["bash"], "bash completes commands, flags, their values, labels and files", async () => {
  using folder = new TempFolder();
  const script = folder.write("aperture.bash", await scriptOf("bash"));
  folder.write("profile.json", "");
  const complete = async (...words: string[]) => {
    const line = `. ${script}; COMP_WORDS=(aperture ${
      words.map((word) => `'${word}'`).join(" ")
    }); COMP_CWORD=${words.length}; ` +
      `compopt() { :; }; _aperture; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { code, stdout, stderr } = await runChild("bash", ["-uc", line], { cwd: folder.path });
    assertEquals([code, stderr], [0, ""]);
    return stdout.trim().split("\n");
  };
  assertEquals(await complete("sy"), ["syscalls", "symbols"]);
  assertEquals(
    (await complete("")).filter((word) =>
      !word.startsWith("-") && word !== "help"
    ),
    ALL.map(({ name }) => name),
  );
  assertEquals(await complete("query", "--si"), ["--since"]);
  assertEquals(await complete("query", "-o", "sv"), ["svg"]);
  assertEquals(await complete("query", "cpu", "ser"), ["service="]);
  assertEquals(await complete("query", "l"), ["lock"]);
  assertEquals(await complete("report", "prof"), ["profile.json"]);
  assertEquals(await complete("diff", "--by", "sh"), ["share"]);
});

for (const shell of ["zsh", "fish"]) {
  testWith([shell], `${shell} takes the completion as it is`, async () => {
    using folder = new TempFolder();
    const script = folder.write("script", await scriptOf(shell));
    const { code, stderr } = await runChild(shell, ["-n", script]);
    assertEquals([code, stderr], [0, ""]);
  });
}

Deno.test("each shell's completion knows every command and flag", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const script = await scriptOf(shell);
    for (const { name, settings, passes } of ALL) {
      assertStringIncludes(script, name);
      if (passes) continue;
      for (const { flag } of Object.values(settings)) {
        assertStringIncludes(script, shell === "fish" ? `-l ${flag}` : `--${flag}`);
      }
    }
  }
});
