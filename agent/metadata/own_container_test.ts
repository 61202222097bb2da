// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { ownContainer, parseOwnContainer } from "./own_container.ts";

const UID = "0d9bd8f7-7a34-4f3a-9c55-2f6e9f1f4a11";
const ID = "3f1d6c0f7b3a4e1e9a64a4bbf3b1c1d58f0c2a9e6d7b4c3a2f1e0d9c8b7a6f5e";

function line(root: string, target: string): string {
  return `1511 1500 8:1 ${root} ${target} rw,relatime - ext4 /dev/sda1 rw`;
}

Deno.test("parseOwnContainer() finds pod and container in what the kubelet mounts", () => {
  const log = line(
    `/var/lib/kubelet/pods/${UID}/containers/agent/4a1c0b2d`,
    "/dev/termination-log",
  );
  const hosts = line(`/var/lib/kubelet/pods/${UID}/etc-hosts`, "/etc/hosts");
  const place = { podUid: UID, container: "agent", containerId: "" };
  assertEquals(parseOwnContainer(["1 0 0:30 / / rw - overlay overlay rw", hosts, log].join("\n")), place);
  assertEquals(parseOwnContainer(hosts), { ...place, container: "" });
});

Deno.test("parseOwnContainer() finds the container in what Docker mounts", () => {
  assertEquals(parseOwnContainer(line(`/var/lib/docker/containers/${ID}/hosts`, "/etc/hosts")), {
    podUid: "",
    container: "",
    containerId: ID,
  });
});

Deno.test("parseOwnContainer() is not misled by volumes of other pods that are mounted here", () => {
  const other = line(`/var/lib/kubelet/pods/${UID}/etc-hosts`, "/host/var/lib/kubelet/pods/x/etc-hosts");
  assertEquals(parseOwnContainer(other), { podUid: "", container: "", containerId: "" });
});

Deno.test("ownContainer() has none where the cgroup namespace is that of the machine", () => {
  const initial = Deno.readLinkSync("/proc/self/ns/cgroup") === "cgroup:[4026531835]";
  assertEquals(ownContainer() === undefined, initial);
});
