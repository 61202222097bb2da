// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { podObject, type PodSpec } from "../../../tests/support/fake_kube.ts";
import { readPod } from "./pod.ts";

const UID = "0d9bd8f7-7a34-4f3a-9c55-2f6e9f1f4a11";

function workload(spec: Partial<PodSpec>): string | undefined {
  return readPod(podObject({ name: "p", uid: UID, ...spec }))?.workload;
}

Deno.test("readPod() names the workload of each kind of owner", () => {
  const owner = (kind: string, name: string) => ({ owner: { kind, name } });
  assertEquals(workload(owner("ReplicaSet", "web-5d4f8c7b9")), "web");
  assertEquals(workload(owner("ReplicaSet", "web")), "web");
  // A ReplicaSet that no Deployment made, though its name looks like it.
  assertEquals(workload(owner("ReplicaSet", "web-66b6c48dd5")), "web-66b6c48dd5");
  assertEquals(workload(owner("StatefulSet", "clickhouse")), "clickhouse");
  assertEquals(workload(owner("DaemonSet", "aperture-agent")), "aperture-agent");
  assertEquals(workload(owner("Job", "backup-29912345")), "backup");
  assertEquals(workload(owner("Job", "backup-1626220800")), "backup");
  assertEquals(workload(owner("Job", "migrate-7")), "migrate-7");
  assertEquals(workload(owner("Job", "29912345")), "29912345");
  assertEquals(workload(owner("Workflow", "nightly")), "nightly");
  assertEquals(workload({ name: "by-hand" }), "by-hand");
  assertEquals(workload({ name: "kube-proxy-node-1", ...owner("Node", "node-1") }), "kube-proxy");
});

Deno.test("readPod() takes the owner that controls, where there are several", () => {
  const object = podObject({ name: "p", uid: UID }) as { metadata: Record<string, unknown> };
  object.metadata["ownerReferences"] = [
    { kind: "Policy", name: "other" },
    { kind: "StatefulSet", name: "db", controller: true },
  ];
  assertEquals(readPod(object)?.workload, "db");
});

Deno.test("readPod() knows the mirror of a static pod by the hash that its cgroup has", () => {
  const hash = "4a7f0c4a8f6a0f3f2c6f1d9a5f3b2c1e";
  const annotations = { "kubernetes.io/config.hash": hash, "kubernetes.io/config.mirror": hash };
  assertEquals(readPod(podObject({ name: "etcd-node-1", uid: UID, annotations }))?.uid, hash);
});

Deno.test("readPod() lists containers of every kind, and those that were restarted", () => {
  const object = podObject({ name: "p", uid: UID, containers: { web: "a1" } }) as {
    status: Record<string, unknown>;
  };
  const [web] = object.status["containerStatuses"] as Record<string, unknown>[];
  web!["lastState"] = { terminated: { containerID: "containerd://a0", exitCode: 137 } };
  object.status["initContainerStatuses"] = [
    {
      name: "init",
      state: { terminated: { containerID: "containerd://b0" } },
      containerID: "containerd://b0",
    },
  ];
  object.status["ephemeralContainerStatuses"] = [{ name: "debug", containerID: "cri-o://c0" }];
  assertEquals(
    readPod(object)?.containers,
    new Map([["a1", "web"], ["a0", "web"], ["b0", "init"], ["c0", "debug"]]),
  );
});

Deno.test("readPod() keeps the labels and annotations that were asked for, and no others", () => {
  const object = podObject({
    name: "p",
    uid: UID,
    labels: { app: "web", team: "x" },
    annotations: { owner: "a=b,c", app: "hidden by the label", other: "no" },
  });
  const selected = { labels: ["team", "app", "missing"], annotations: ["owner", "app"] };
  assertEquals(readPod(object, selected)?.labels, "app=web,owner=a%3Db%2Cc,team=x");
  assertEquals(readPod(object)?.labels, "");
});

Deno.test("readPod() takes any JSON, and has no pod without a name and a uid", () => {
  fc.assert(fc.property(fc.jsonValue(), (json) => assertEquals(readPod(json), undefined)));
  // What is of the wrong type in a pod is not there.
  fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (status, spec, labels) => {
    const pod = readPod({ metadata: { name: "p", uid: UID, labels, ownerReferences: labels }, status, spec });
    assertEquals([pod?.name, pod?.uid], ["p", UID]);
  }));
});
