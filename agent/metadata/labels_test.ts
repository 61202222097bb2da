// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { TempFolder } from "../../tests/support/programs.ts";
import { PodIndex } from "./kube/pod_index.ts";
import { type Labels, NO_LABELS, ProcessLabels } from "./labels.ts";

const ID = "3f1d6c0f7b3a4e1e9a64a4bbf3b1c1d58f0c2a9e6d7b4c3a2f1e0d9c8b7a6f5e";
const INNER = "9c8b7a6f5e3f1d6c0f7b3a4e1e9a64a4bbf3b1c1d58f0c2a9e6d7b4c3a2f1e0d";
const UID = "0d9bd8f7-7a34-4f3a-9c55-2f6e9f1f4a11";
const IN_POD = `/kubepods/burstable/pod${UID}/${ID}`;
const POD = {
  uid: UID,
  name: "web-5d4f8c7b9-x7x2p",
  namespace: "shop",
  workload: "web",
  containers: new Map([[ID, "nginx"]]),
  labels: "app=web",
  allLabels: "app=web,tier=front",
};
const NAMED: Labels = {
  container: "nginx",
  pod: "web-5d4f8c7b9-x7x2p",
  namespace: "shop",
  service: "web",
  labels: "app=web",
};

/** An index that counts how often it is told of an unknown container. */
class Finder extends PodIndex {
  nudges = 0;

  nudge(): void {
    this.nudges++;
  }
}

/** Processes in a folder that is laid out as /proc. */
class Machine extends TempFolder {
  readonly pods = new Finder();

  put(pid: number, path: string): void {
    this.write(`${pid}/cgroup`, path.startsWith("/") ? `0::${path}\n` : path);
  }

  labels(options: Partial<ConstructorParameters<typeof ProcessLabels>[0]> = {}): ProcessLabels {
    return new ProcessLabels({ pods: this.pods, procRoot: this.path, own: undefined, ...options });
  }
}

Deno.test("ProcessLabels.of() names container, pod, namespace and workload", () => {
  using machine = new Machine();
  machine.put(7, IN_POD);
  machine.pods.set(POD);
  assertEquals(machine.labels().of({ pid: 7, startTime: 1 }), NAMED);
});

Deno.test("ProcessLabels.ofEnded() names where a process was that was observed, and counts others", () => {
  using machine = new Machine();
  machine.put(7, IN_POD);
  machine.pods.set(POD);
  const labels = machine.labels();
  labels.observe({ pid: 7, startTime: 1 });
  machine.put(7, "/");
  assertEquals(labels.ofEnded({ pid: 7, startTime: 1 }), NAMED);
  assertEquals(labels.stats.unread, 0);
  assertEquals(labels.ofEnded({ pid: 7, startTime: 2 }), NO_LABELS);
  assertEquals(labels.stats.unread, 1);
});

Deno.test("ProcessLabels.of() uses the ids of the path while nobody knows the pod, and the names once one does", () => {
  using machine = new Machine();
  for (const pid of [7, 8]) machine.put(pid, IN_POD);
  const labels = machine.labels();
  const unnamed = { ...NO_LABELS, container: ID.slice(0, 12), pod: UID };
  assertEquals(labels.of({ pid: 7, startTime: 1 }), unnamed);
  assertEquals(labels.of({ pid: 8, startTime: 1 }), unnamed);
  assertEquals([labels.stats.unknownContainers, machine.pods.nudges], [1, 1]);
  machine.pods.set(POD);
  labels.endWindow();
  assertEquals(labels.of({ pid: 7, startTime: 1 }), NAMED);
  assertEquals(labels.stats.unknownContainers, 1);
});

Deno.test("ProcessLabels.of() names a pod by its runtime before any server tells of it", () => {
  using machine = new Machine();
  machine.put(7, IN_POD);
  machine.write(
    `1/root/run/containerd/io.containerd.runtime.v2.task/k8s.io/${ID}/config.json`,
    JSON.stringify({
      annotations: {
        "io.kubernetes.cri.container-name": "nginx",
        "io.kubernetes.cri.sandbox-name": POD.name,
        "io.kubernetes.cri.sandbox-namespace": "shop",
      },
    }),
  );
  const labels = machine.labels({ pods: undefined });
  assertEquals(labels.of({ pid: 7, startTime: 1 }), { ...NAMED, service: "", labels: "" });
  assertEquals(labels.stats.unknownContainers, 0);
});

Deno.test("ProcessLabels.of() knows the pod of a container that the pod does not list", () => {
  using machine = new Machine();
  machine.put(7, `/kubepods/burstable/pod${UID}/${INNER}`);
  machine.put(8, `${IN_POD}/docker/${INNER}`);
  machine.pods.set(POD);
  const labels = machine.labels();
  assertEquals(labels.of({ pid: 7, startTime: 1 }), { ...NAMED, container: INNER.slice(0, 12) });
  // What runs in a container is the container's.
  assertEquals(labels.of({ pid: 8, startTime: 1 }), NAMED);
});

Deno.test("ProcessLabels.of() names units, and containers without Kubernetes", () => {
  using machine = new Machine();
  machine.put(1, "/system.slice/nginx.service");
  machine.put(2, `/system.slice/docker-${ID}.scope`);
  machine.put(3, `/docker/${INNER}`);
  machine.put(4, "/");
  machine.put(5, `/system.slice/cache.service/libpod-payload-${INNER}`);
  machine.write(`1/root/var/lib/docker/containers/${ID}/config.v2.json`, '{"Name":"/db"}');
  const labels = machine.labels({ pods: undefined });
  const of = (pid: number) => labels.of({ pid, startTime: 1 });
  assertEquals(of(1), { ...NO_LABELS, service: "nginx.service" });
  assertEquals(of(2), { ...NO_LABELS, container: "db", service: "db" });
  assertEquals(of(3), { ...NO_LABELS, container: INNER.slice(0, 12), service: INNER.slice(0, 12) });
  assertEquals(of(4), NO_LABELS);
  assertEquals(of(5), { ...NO_LABELS, container: INNER.slice(0, 12), service: "cache.service" });
});

Deno.test("ProcessLabels.of() follows a process that is moved, and remembers one that has ended", () => {
  using machine = new Machine();
  machine.pods.set(POD);
  machine.put(7, "/system.slice/containerd.service");
  const labels = machine.labels();
  assertEquals(labels.of({ pid: 7, startTime: 1 }).service, "containerd.service");
  machine.put(7, IN_POD);
  assertEquals(labels.of({ pid: 7, startTime: 1 }).service, "containerd.service"); // The same window.
  labels.endWindow();
  assertEquals(labels.of({ pid: 7, startTime: 1 }), NAMED);
  labels.endWindow();
  Deno.removeSync(`${machine.path}/7`, { recursive: true });
  assertEquals(labels.of({ pid: 7, startTime: 1 }), NAMED);
  // Another process that has had the pid since, and is gone as well.
  assertEquals(labels.of({ pid: 7, startTime: 2 }), NO_LABELS);
  assertEquals(labels.stats.unread, 1);
});

Deno.test("ProcessLabels keeps to its capacity", () => {
  using machine = new Machine();
  for (let pid = 1; pid <= 9; pid++) machine.put(pid, `/system.slice/s${pid}.service`);
  const labels = machine.labels({ capacity: 4 });
  for (let pid = 1; pid <= 9; pid++) labels.of({ pid, startTime: 1 });
  labels.endWindow();
  Deno.removeSync(`${machine.path}/1`, { recursive: true });
  Deno.removeSync(`${machine.path}/9`, { recursive: true });
  assertEquals(labels.of({ pid: 1, startTime: 1 }), NO_LABELS);
  assertEquals(labels.of({ pid: 9, startTime: 1 }).service, "s9.service");
});

Deno.test("ProcessLabels.of() knows itself and its neighbours from within a cgroup namespace", () => {
  using machine = new Machine();
  machine.pods.set({ ...POD, containers: new Map([[INNER, "sidecar"]]) });
  const own = { podUid: UID, container: "agent", containerId: "" };
  const labels = machine.labels({ own });
  machine.put(1, "/");
  machine.put(2, `/../cri-containerd-${INNER}.scope`);
  machine.put(3, "/../../../../system.slice/sshd.service");
  machine.put(4, "9:pids:/../../..\n0::/\n");
  const of = (pid: number) => labels.of({ pid, startTime: 1 });
  assertEquals(of(1), { ...NAMED, container: "agent" });
  assertEquals(of(2), { ...NAMED, container: "sidecar" });
  assertEquals(of(3), { ...NO_LABELS, service: "sshd.service" });
  assertEquals(of(4), NO_LABELS);
});
