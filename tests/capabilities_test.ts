// SPDX-License-Identifier: Apache-2.0
/**
 * The agent with the capabilities of agent-unprivileged.yml alone, as a user that owns nothing it watches.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { build } from "../tasks/build.ts";
import { type Ran } from "./support/child.ts";
import { compileProgram } from "./support/compiled.ts";
import { limitCpu } from "./support/cpu_limit.ts";
import { podTemplates, readManifests } from "./support/manifests.ts";
import { testWith } from "./support/needs.ts";
import { childOf, PidNamespace } from "./support/pid_namespace.ts";
import { run } from "./support/watched.ts";
import { installAgent, runUnprivileged } from "./support/unprivileged.ts";

const { template } = podTemplates(readManifests("k8s/agent-unprivileged.yml"))[0]!;
const CAPABILITIES = template.spec.containers[0]!.securityContext.capabilities!.add!
  .map((name) => name.toLowerCase());

/** Without these it does not start. */
const MUSTS = ["bpf", "perfmon"];

/** Is the frequency of a profile, in Hz. */
const FREQ = 397;
/** The part of a CPU that each program has: some 40 samples in a profile, of which a third are elsewhere. */
const SHARE = 0.05;

/** Lists which programs' functions have no names without each of the others. */
const UNNAMED: Readonly<Record<string, readonly string[]>> = {
  syslog: ["kernel"],
  sys_ptrace: ["shares", "private", "deleted"],
  dac_read_search: ["private"],
  checkpoint_restore: ["deleted"],
};

testWith(
  ["bpf", "setpriv", "clang", "nsenter"],
  "the capabilities of agent-unprivileged.yml are enough, and each is needed",
  async (t) => {
    await build();
    await using cleanup = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "aperture-capabilities-" });
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    await installAgent(folder);
    // Else each of the agents reads the tables of all that runs beside the tests.
    const machine = cleanup.use(await PidNamespace.start());
    const profile = async (capabilities: readonly string[]) => {
      // What it says of memory is not what this is about.
      const args = [
        ...["--memory=512MiB", "--duration=2s", `--freq=${FREQ}`],
        ...["--output=-", "--listen=127.0.0.1:0"],
      ];
      return await runUnprivileged(folder, {
        capabilities,
        args,
        enter: (...words) => machine.enter(...words),
      });
    };
    const without = (capability: string) => profile(CAPABILITIES.filter((name) => name !== capability));

    for (const capability of MUSTS) {
      const name = `CAP_${capability.toUpperCase()}`;
      await t.step(`without ${name} it does not start, and says so`, async () => {
        const ran = await without(capability);
        assertEquals(ran.code, 1);
        assertMatch(
          ran.stderr,
          new RegExp(`^agent: Insufficient privileges \\(needs \`privileged: true\`\\): ${name} not held`),
        );
      });
    }

    // All of root: one in a file that all may read, one that root alone may, one whose file is gone.
    const shares = await compileProgram("shares", folder);
    await Deno.mkdir(`${folder}/secret`, { mode: 0o700 });
    const hidden = `${folder}/secret/private`;
    const gone = `${folder}/deleted`;
    for (const path of [hidden, gone]) await Deno.copyFile(shares, path);
    await Deno.chmod(hidden, 0o700);
    for (const path of [shares, hidden, gone, await compileProgram("reads", folder)]) {
      // Nicer than the agent, which else waits for them on a small machine, and slower.
      const [enter, ...words] = machine.enter("nice", "-n", "5", path);
      const pid = await childOf(cleanup.use(run(enter, words)).pid);
      cleanup.use(limitCpu(pid, SHARE));
      await becomes(pid, path.slice(path.lastIndexOf("/") + 1));
    }
    await Deno.remove(gone);

    await t.step("with all of them everything has a name, and nothing is missed", async () => {
      const ran = await profile(CAPABILITIES);
      assertEquals(ran.code, 0, ran.stderr);
      assertEquals(named(ran), { kernel: true, shares: true, private: true, deleted: true }, ran.stdout);
      assert(!ran.stderr.includes("[warn"), ran.stderr);
      assertStringIncludes(ran.stderr, "] http: Listening on 127.0.0.1:");
    });

    for (const capability of CAPABILITIES.filter((name) => !MUSTS.includes(name))) {
      const name = `CAP_${capability.toUpperCase()}`;
      await t.step(`without ${name} it says what will be missing, which then is`, async () => {
        const ran = await without(capability);
        assertEquals(ran.code, 0, ran.stderr);
        assertStringIncludes(ran.stderr, `Fewer rights than useful: ${name} not held`);
        assertEquals(ran.stderr.match(/Fewer rights/g)?.length, 1, ran.stderr);
        const found = named(ran);
        for (
          const program of UNNAMED[capability]!.filter((program) => program !== "kernel" || addressesHide())
        ) {
          assertEquals(found[program], false, `${program}:\n${ran.stdout}`);
        }
      });
    }
  },
);

/** Waits until the process `pid` runs the program `name`. */
async function becomes(pid: number, name: string): Promise<void> {
  while ((await Deno.readTextFile(`/proc/${pid}/comm`)).trim() !== name) await delay(10);
}

/** Returns whether the functions of each program, and the kernel's, have names in the folded stacks. */
function named({ stdout }: Ran): Record<string, boolean> {
  const lines = stdout.split("\n");
  const programs = ["shares", "private", "deleted"].map((program) => {
    return [program, lines.some((line) => line.includes(`;${program};`) && line.includes("two_thirds"))];
  });
  return {
    kernel: lines.some((line) => line.includes(";reads;") && line.includes("vfs_read")),
    ...Object.fromEntries(programs),
  };
}

/** Returns whether /proc/kallsyms asks for CAP_SYSLOG, as it does here: kallsyms_show_value() of the kernel. */
function addressesHide(): boolean {
  const read = (name: string) => Number(Deno.readTextFileSync(`/proc/sys/kernel/${name}`));
  return read("kptr_restrict") !== 0 || read("perf_event_paranoid") > 1;
}
