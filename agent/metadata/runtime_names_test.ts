// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { TempFolder } from "../../tests/support/programs.ts";
import { readBundle, readDocker, RuntimeNames } from "./runtime_names.ts";

const ID = "3f1d6c0f7b3a4e1e9a64a4bbf3b1c1d58f0c2a9e6d7b4c3a2f1e0d9c8b7a6f5e";
const OTHER = ID.replace("3f", "4f");

const CONTAINERD = {
  annotations: {
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": "web",
    "io.kubernetes.cri.sandbox-name": "web-0",
    "io.kubernetes.cri.sandbox-namespace": "shop",
  },
};
const CRIO = {
  annotations: {
    "io.kubernetes.cri-o.ContainerType": "container",
    "io.kubernetes.container.name": "web",
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.pod.namespace": "shop",
  },
};
const WEB = { container: "web", pod: "web-0", namespace: "shop", service: "" };

Deno.test("readBundle() reads containerd's and CRI-O's annotations", () => {
  assertEquals(readBundle(CONTAINERD), WEB);
  assertEquals(readBundle(CRIO), WEB);
  const { "io.kubernetes.cri.container-name": _, ...rest } = CONTAINERD.annotations;
  assertEquals(readBundle({ annotations: { ...rest, "io.kubernetes.cri.container-type": "sandbox" } }), {
    ...WEB,
    container: "POD",
  });
  assertEquals(readBundle({ annotations: { "nerdctl/name": "cache" } }), {
    container: "cache",
    pod: "",
    namespace: "",
    service: "",
  });
  assertEquals(readBundle({ annotations: { other: "x" } }), undefined);
});

Deno.test("readDocker() reads names, compose services and, below a kubelet, pods", () => {
  const plain = { container: "shop-web-1", pod: "", namespace: "", service: "web" };
  assertEquals(
    readDocker({ Name: "/shop-web-1", Config: { Labels: { "com.docker.compose.service": "web" } } }),
    plain,
  );
  const Labels = {
    "io.kubernetes.container.name": "web",
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.pod.namespace": "shop",
  };
  assertEquals(readDocker({ Name: "/k8s_web_web-0_shop_1_0", Config: { Labels } }), WEB);
  assertEquals(readDocker({ Name: "/bare", Config: { Labels: null } })?.container, "bare");
});

Deno.test("readBundle() and readDocker() take any JSON", () => {
  fc.assert(fc.property(fc.jsonValue(), (json) => {
    readBundle({ annotations: json });
    readDocker({ Name: json, Config: json });
  }));
});

Deno.test("RuntimeNames.of() finds each runtime's files below the root of process 1", () => {
  const paths = {
    "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json": CONTAINERD,
    "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json": CONTAINERD,
    "run/containers/storage/overlay-containers/ID/userdata/config.json": CRIO,
    "var/lib/containers/storage/overlay-containers/ID/userdata/config.json": CRIO,
    "var/lib/docker/containers/ID/config.v2.json": { Name: "/web" },
  };
  for (const [path, object] of Object.entries(paths)) {
    using folder = new TempFolder();
    folder.write(`1/root/${path.replace("ID", ID)}`, JSON.stringify(object));
    const names = new RuntimeNames({ procRoot: folder.path });
    assertEquals(names.of(ID)?.container, "web", path);
    assertEquals(names.of(OTHER), undefined, path);
  }
});

Deno.test("RuntimeNames.of() reads a container once, and looks again later for one that was not there", () => {
  using folder = new TempFolder();
  const path = (id: string) => `1/root/var/lib/docker/containers/${id}/config.v2.json`;
  folder.write(path(ID), '{"Name":"/web"}');
  folder.write(path(OTHER), '{"Na'); // As it is being written.
  let now = 0;
  const names = new RuntimeNames({ procRoot: folder.path, clock: () => now });
  assertEquals([names.of(ID)?.container, names.of(OTHER)], ["web", undefined]);
  for (const id of [ID, OTHER]) folder.write(path(id), '{"Name":"/new"}');
  assertEquals([names.of(ID)?.container, names.of(OTHER)], ["web", undefined]);
  now = 60_000;
  assertEquals([names.of(ID)?.container, names.of(OTHER)?.container], ["web", "new"]);
});
