// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import {
  checkPermissions,
  needsEverything,
  needsNet,
  needsRead,
  needsRun,
  needsWrite,
} from "./permissions.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Returns what `checkPermissions(needs)` says in a program with those flags: "" where nothing is missing. */
async function complaint(flags: readonly string[], needs: string): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    const source = `import * as p from "${ROOT}common/permissions.ts";
      try { p.checkPermissions(${needs}); } catch (error) { console.log(error.name + ": " + error.message); }`;
    await Deno.writeTextFile(`${folder}/script.ts`, source);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        "--no-check",
        ...flags,
        `--config=${ROOT}deno.json`,
        `${folder}/script.ts`,
      ],
      stdin: "null",
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("checkPermissions() is content with a program that may do everything", () => {
  checkPermissions([
    needsNet("listen", "0.0.0.0:9090"),
    needsRead("read", "/a"),
    needsWrite("write", "/a"),
    needsRun("start", Deno.execPath()),
    ...needsEverything("watch"),
  ]);
});

Deno.test("checkPermissions() names what cannot be done and the flag that mends it", async () => {
  const listen = `[p.needsNet("listen on 0.0.0.0:9090", "0.0.0.0:9090")]`;
  assertEquals(
    await complaint([], listen),
    "UserError: Cannot listen on 0.0.0.0:9090 as a permission of Deno is missing: " +
      "start the program with --allow-net=0.0.0.0:9090\n",
  );
  assertEquals(await complaint(["--allow-net=0.0.0.0:9090"], listen), "");
  assertEquals(await complaint(["--allow-net"], listen), "");
  const store = `[p.needsWrite("write to '/srv/a'", "/srv/a")]`;
  assertEquals(
    await complaint(["--allow-write=/srv/b"], store),
    "UserError: Cannot write to '/srv/a' as a permission of Deno is missing: " +
      "start the program with --allow-write=/srv/a\n",
  );
  assertEquals(await complaint(["--allow-write=/srv"], store), "");
});

Deno.test("checkPermissions() finds what a denial takes from a program that may do everything", async () => {
  assertEquals(
    await complaint(["--allow-all", "--deny-run"], `p.needsEverything("watch this machine")`),
    "UserError: Cannot watch this machine as a permission of Deno is missing: " +
      "start the program with --allow-all, and with no --deny\n",
  );
  assertEquals(await complaint(["--allow-all"], `p.needsEverything("watch this machine")`), "");
});
