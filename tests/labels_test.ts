// SPDX-License-Identifier: Apache-2.0
/**
 * A process in a pod's cgroup, from the kernel to the labels of its samples.
 */

import { assertEquals, assertGreater } from "@std/assert";
import { build } from "../tasks/build.ts";
import { Program } from "../tasks/programs.ts";
import { TempCgroup } from "./support/cgroup.ts";
import { compileProgram } from "./support/compiled.ts";
import { FakeKube } from "./support/fake_kube.ts";
import { testWith } from "./support/needs.ts";
import { RunningProgram } from "./support/programs.ts";
import { selfSigned } from "./support/tls.ts";

const UID = "0d9bd8f7-7a34-4f3a-9c55-2f6e9f1f4a11";
const ID = "3f1d6c0f7b3a4e1e9a64a4bbf3b1c1d58f0c2a9e6d7b4c3a2f1e0d9c8b7a6f5e";

interface Written {
  readonly strings: readonly string[];
  readonly series: Readonly<Record<string, readonly number[]>>;
}

testWith(
  ["bpf", "clang", "openssl"],
  "samples of a process in a pod have its names, or its ids while nobody answers",
  async (t) => {
    await build();
    const folder = await Deno.makeTempDir();
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    const program = cleanup.use(await RunningProgram.start(await compileProgram("shares", folder)));
    const cgroup = cleanup.use(TempCgroup.create(`kubepods/burstable/pod${UID}/${ID}`));
    cgroup.enter(program.pid);

    const tls = selfSigned(folder, "127.0.0.1");
    Deno.mkdirSync(`${folder}/account`);
    Deno.writeTextFileSync(`${folder}/account/token`, "secret\n");
    Deno.writeTextFileSync(`${folder}/account/ca.crt`, tls.ca);
    const kube = cleanup.use(FakeKube.start({ tls, token: "secret" }));
    kube.put({
      name: "web-5d4f8c7b9-x7x2p",
      uid: UID,
      namespace: "shop",
      containers: { nginx: ID },
      owner: { kind: "ReplicaSet", name: "web-5d4f8c7b9" },
      labels: { app: "web", team: "x" },
    });

    /** Returns the labels of the series of the program, from a run with `args`. */
    async function profile(args: readonly string[], env: Record<string, string> = {}) {
      const output = `${folder}/${crypto.randomUUID()}.json`;
      const agent = cleanup.use(
        new Program("agent", [
          `--pid=${program.pid}`,
          "--duration=3s",
          "--node-name=node-1",
          `--output=${output}`,
          `--kube-account=${folder}/account`,
          "--pod-labels=team,app",
          "--log-level=error",
          ...args,
        ], { env }),
      );
      assertEquals((await agent.child.status).code, 0);
      const { strings, series } = JSON.parse(Deno.readTextFileSync(output)) as Written;
      assertGreater(series["pid"]!.length, 0);
      // The first window may end before the first answer comes.
      const last = series["pid"]!.length - 1;
      return Object.fromEntries(
        ["container", "pod", "namespace", "service", "labels"].map((
          label,
        ) => [label, strings[series[label]![last]!]]),
      );
    }
    const cluster = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(kube.port) };
    const named = {
      container: "nginx",
      pod: "web-5d4f8c7b9-x7x2p",
      namespace: "shop",
      service: "web",
      labels: "app=web,team=x",
    };
    const unnamed = { container: ID.slice(0, 12), pod: UID, namespace: "", service: "", labels: "" };

    // Each waits for windows: they do so beside each other.
    const [fromCluster, fromKubelet, fromPath] = await Promise.all([
      profile([], cluster),
      profile(["--kube=kubelet", `--kubelet-url=${kube.url}`]),
      profile(["--kube=off"], cluster),
    ]);

    await t.step("from the API server of the cluster that the agent is in", () => {
      assertEquals(fromCluster, named);
      assertEquals(kube.refused, 0);
    });

    await t.step("from the kubelet", () => assertEquals(fromKubelet, named));

    await t.step("from the path alone, without Kubernetes", () => assertEquals(fromPath, unnamed));

    await t.step("from the path alone, while the API server is away", async () => {
      await kube.stop();
      assertEquals(await profile(["--kube=api"], cluster), unnamed);
    });
  },
);
