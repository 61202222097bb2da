// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { NOWHERE, parseCgroup, parsePath, type Placement, unescapeUnit } from "./cgroup.ts";

const ID = "3f1d6c0f7b3a4e1e9a64a4bbf3b1c1d58f0c2a9e6d7b4c3a2f1e0d9c8b7a6f5e";
const INNER = "9c8b7a6f5e3f1d6c0f7b3a4e1e9a64a4bbf3b1c1d58f0c2a9e6d7b4c3a2f1e0d";
const UID = "0d9bd8f7-7a34-4f3a-9c55-2f6e9f1f4a11";
const UID_ = UID.replaceAll("-", "_");
/** Names a static pod: it is the hash of its manifest. */
const HASH = "4a7f0c4a8f6a0f3f2c6f1d9a5f3b2c1e";

interface Case {
  readonly path: string;
  readonly expect: Partial<Placement>;
}

/** Each runtime and driver really names them so. */
const PATHS: Readonly<Record<string, Case>> = {
  "containerd, cgroupfs, burstable": {
    path: `/kubepods/burstable/pod${UID}/${ID}`,
    expect: { containers: [ID], podUid: UID, qos: "burstable" },
  },
  "containerd, cgroupfs, guaranteed": {
    path: `/kubepods/pod${UID}/${ID}`,
    expect: { containers: [ID], podUid: UID, qos: "guaranteed" },
  },
  "containerd, systemd, burstable": {
    path:
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    expect: { containers: [ID], runtime: "containerd", podUid: UID, qos: "burstable" },
  },
  "containerd, systemd, guaranteed": {
    path: `/kubepods.slice/kubepods-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    expect: { containers: [ID], runtime: "containerd", podUid: UID, qos: "guaranteed" },
  },
  "containerd with cgroupfs below a kubelet with systemd": {
    path: `/system.slice/containerd.service/kubepods-besteffort-pod${UID_}.slice:cri-containerd:${ID}`,
    expect: { containers: [ID], runtime: "containerd", podUid: UID, qos: "besteffort" },
  },
  "CRI-O, systemd": {
    path: `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID_}.slice/crio-${ID}.scope`,
    expect: { containers: [ID], runtime: "cri-o", podUid: UID, qos: "besteffort" },
  },
  "CRI-O, systemd, crun's own level": {
    path:
      `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID_}.slice/crio-${ID}.scope/container`,
    expect: { containers: [ID], runtime: "cri-o", podUid: UID, qos: "besteffort" },
  },
  "CRI-O, cgroupfs": {
    path: `/kubepods/besteffort/pod${UID}/crio-${ID}`,
    expect: { containers: [ID], runtime: "cri-o", podUid: UID, qos: "besteffort" },
  },
  "CRI-O's monitor in the pod": {
    path:
      `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UID_}.slice/crio-conmon-${ID}.scope`,
    expect: { podUid: UID, qos: "besteffort" },
  },
  "CRI-O's monitor in the system": {
    path: `/system.slice/crio-conmon-${ID}.scope`,
    expect: { unit: "system.slice" },
  },
  "Docker, cgroupfs": {
    path: `/docker/${ID}`,
    expect: { containers: [ID], runtime: "docker" },
  },
  "Docker, systemd": {
    path: `/system.slice/docker-${ID}.scope`,
    expect: { containers: [ID], runtime: "docker" },
  },
  "Docker, rootless": {
    path: `/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`,
    expect: { containers: [ID], runtime: "docker" },
  },
  "Docker below a kubelet, cgroupfs": {
    path: `/kubepods/burstable/pod${UID}/${ID}`,
    expect: { containers: [ID], podUid: UID, qos: "burstable" },
  },
  "Docker below a kubelet, systemd": {
    path: `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice/docker-${ID}.scope`,
    expect: { containers: [ID], runtime: "docker", podUid: UID, qos: "burstable" },
  },
  "Podman as root": {
    path: `/machine.slice/libpod-${ID}.scope/container`,
    expect: { containers: [ID], runtime: "podman" },
  },
  "Podman as a user": {
    path: `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`,
    expect: { containers: [ID], runtime: "podman" },
  },
  "Podman in a pod": {
    path: `/machine.slice/machine-libpod_pod_${INNER}.slice/libpod-${ID}.scope`,
    expect: { containers: [ID], runtime: "podman" },
  },
  "Podman, cgroupfs": {
    path: `/libpod_parent/libpod-${ID}`,
    expect: { containers: [ID], runtime: "podman" },
  },
  "Podman in a unit of its own": {
    path: `/system.slice/web.service/libpod-payload-${ID}`,
    expect: { containers: [ID], runtime: "podman", unit: "web.service" },
  },
  "Podman's monitor": {
    path: `/machine.slice/libpod-conmon-${ID}.scope`,
    expect: { unit: "machine.slice" },
  },
  "nerdctl": {
    path: `/system.slice/nerdctl-${ID}.scope`,
    expect: { containers: [ID], runtime: "containerd" },
  },
  "Amazon ECS": {
    path: `/ecs/8f67b0ac0bbd4d5a8b1f/${ID}`,
    expect: { containers: [ID] },
  },
  "a static pod, cgroupfs": {
    path: `/kubepods/burstable/pod${HASH}/${ID}`,
    expect: { containers: [ID], podUid: HASH, qos: "burstable" },
  },
  "a static pod, systemd": {
    path:
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${HASH}.slice/cri-containerd-${ID}.scope`,
    expect: { containers: [ID], runtime: "containerd", podUid: HASH, qos: "burstable" },
  },
  "a pod, outside of its containers": {
    path: `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID_}.slice`,
    expect: { podUid: UID, qos: "burstable" },
  },
  "kind, systemd": {
    path: `/system.slice/docker-${ID}.scope/kubelet.slice/kubelet-kubepods.slice/` +
      `kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${UID_}.slice/cri-containerd-${INNER}.scope`,
    expect: { containers: [ID, INNER], runtime: "containerd", podUid: UID, qos: "besteffort" },
  },
  "kind, cgroupfs": {
    path: `/docker/${ID}/kubelet/kubepods/besteffort/pod${UID}/${INNER}`,
    expect: { containers: [ID, INNER], podUid: UID, qos: "besteffort" },
  },
  "kind's own services": {
    path: `/docker/${ID}/system.slice/containerd.service`,
    expect: { containers: [ID], runtime: "docker", unit: "containerd.service" },
  },
  "k3d": {
    path: `/docker/${ID}/kubepods/pod${UID}/${INNER}`,
    expect: { containers: [ID, INNER], podUid: UID, qos: "guaranteed" },
  },
  "k3s": {
    path: `/kubepods/besteffort/pod${UID}/${ID}`,
    expect: { containers: [ID], podUid: UID, qos: "besteffort" },
  },
  "k3s itself": {
    path: "/system.slice/k3s.service",
    expect: { unit: "k3s.service" },
  },
  "Docker in a pod": {
    path: `/kubepods/burstable/pod${UID}/${ID}/docker/${INNER}`,
    expect: { containers: [ID, INNER], runtime: "docker", podUid: UID, qos: "burstable" },
  },
  "a cgroup root of its own": {
    path: `/infra.slice/infra-kubepods.slice/infra-kubepods-pod${UID_}.slice/crio-${ID}.scope`,
    expect: { containers: [ID], runtime: "cri-o", podUid: UID, qos: "guaranteed" },
  },
  "another pod, seen from within a pod, cgroupfs": {
    path: `/../../../besteffort/pod${UID}/${ID}`,
    expect: { containers: [ID], podUid: UID, qos: "besteffort", above: 3 },
  },
  "another pod, seen from within a pod, systemd": {
    path: `/../../kubepods-burstable-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    expect: { containers: [ID], runtime: "containerd", podUid: UID, qos: "burstable", above: 2 },
  },
  "a neighbour in the same pod": {
    path: `/../cri-containerd-${ID}.scope`,
    expect: { containers: [ID], runtime: "containerd", above: 1 },
  },
  "a service, seen from within a pod": {
    path: "/../../../../system.slice/sshd.service",
    expect: { unit: "sshd.service", above: 4 },
  },
  "a service": { path: "/system.slice/nginx.service", expect: { unit: "nginx.service" } },
  "an instance of a service": {
    path: "/system.slice/system-getty.slice/getty@tty1.service",
    expect: { unit: "getty@tty1.service" },
  },
  "a service's own levels": {
    path: "/system.slice/mysql.service/workers/7",
    expect: { unit: "mysql.service" },
  },
  "a session": {
    path: "/user.slice/user-1000.slice/session-3.scope",
    expect: { unit: "session-3.scope" },
  },
  "a user's service": {
    path: "/user.slice/user-1000.slice/user@1000.service/app.slice/app-dbus\\x2d:1.2\\x2dorg.a11y.service",
    expect: { unit: "app-dbus-:1.2-org.a11y.service" },
  },
  "a slice alone": { path: "/user.slice/user-1000.slice", expect: { unit: "user-1000.slice" } },
  "init": { path: "/init.scope", expect: { unit: "init.scope" } },
  "the root": { path: "/", expect: {} },
  "a cgroup that was removed": {
    path: `/docker/${ID} (deleted)`,
    expect: { containers: [ID], runtime: "docker" },
  },
  "an id that is too short": { path: "/docker/3f1d6c0f7b3a", expect: {} },
};

for (const [name, { path, expect }] of Object.entries(PATHS)) {
  Deno.test(`parsePath() reads ${name}`, () => assertEquals(parsePath(path), { ...NOWHERE, ...expect }));
}

Deno.test("parseCgroup() reads cgroup v2, v1 and the two together", () => {
  const path = `/kubepods/burstable/pod${UID}/${ID}`;
  const expected = { ...NOWHERE, containers: [ID], podUid: UID, qos: "burstable" as const };
  assertEquals(parseCgroup(`0::${path}\n`), expected);
  assertEquals(
    parseCgroup(`12:pids:${path}\n11:cpu,cpuacct:${path}\n2:memory:${path}\n1:name=systemd:${path}\n`),
    expected,
  );
  assertEquals(
    parseCgroup(`12:pids:${path}\n1:name=systemd:/system.slice/containerd.service\n0::/\n`),
    expected,
  );
});

Deno.test("parseCgroup() takes systemd's hierarchy for units, and the unified one before it", () => {
  assertEquals(
    parseCgroup("9:pids:/system.slice\n1:name=systemd:/system.slice/cron.service\n0::/\n").unit,
    "cron.service",
  );
  assertEquals(
    parseCgroup("1:name=systemd:/system.slice/a.service\n0::/system.slice/b.service\n").unit,
    "b.service",
  );
});

Deno.test("parseCgroup() is not misled by a hierarchy that is not in use", () => {
  assertEquals(parseCgroup("9:pids:/../../..\n0::/\n").above, 3);
  assertEquals(parseCgroup(`9:pids:/../${ID}\n0::/\n`), { ...NOWHERE, containers: [ID], above: 1 });
});

Deno.test("parseCgroup() reads a controller's name that holds no colon, and a path that does", () => {
  const placement = parseCgroup(`5:name=my:/system.slice\n4:cpu:/a:b/docker/${ID}\n`);
  assertEquals(placement.containers, [ID]);
});

Deno.test("parseCgroup() reads this process", () => {
  const placement = parseCgroup(Deno.readTextFileSync("/proc/self/cgroup"));
  assert(placement.containers.every((id) => /^[0-9a-f]{64}$/.test(id)));
});

Deno.test("unescapeUnit() gives the names that systemctl shows", () => {
  assertEquals(unescapeUnit("dev-disk-by\\x2duuid-1\\x2d2.swap"), "dev-disk-by-uuid-1-2.swap");
  assertEquals(unescapeUnit("caf\\xc3\\xa9.service"), "café.service");
  assertEquals(unescapeUnit("_cgroup.service"), "cgroup.service");
  assertEquals(unescapeUnit("a\\xzz.service"), "a\\xzz.service");
});

const hex = (length: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: length, maxLength: length }).map((a) =>
    a.join("")
  );
const uuid = fc.uuid();
const qos = fc.constantFrom("guaranteed", "burstable", "besteffort");
const junk = fc.string({ unit: "binary", maxLength: 12 })
  .filter((s) => !/[/\n:]|\.(slice|service|scope)$|^\.\.$/.test(s));

Deno.test("parsePath() finds pod, container and class in whatever both drivers write", () => {
  fc.assert(fc.property(
    uuid,
    hex(64),
    qos,
    fc.constantFrom("cri-containerd", "crio", "docker"),
    fc.array(junk, { maxLength: 3 }),
    fc.array(junk, { maxLength: 3 }),
    (uid, id, qos, runtime, before, after) => {
      const level = qos === "guaranteed" ? "" : `-${qos}`;
      const systemd = `kubepods.slice/kubepods${level}-pod${
        uid.replaceAll("-", "_")
      }.slice/${runtime}-${id}.scope`;
      const cgroupfs = `kubepods/${qos === "guaranteed" ? "" : `${qos}/`}pod${uid}/${id}`;
      for (const middle of [systemd, cgroupfs]) {
        const placement = parsePath(`/${[...before, middle, ...after].join("/")}`);
        assertEquals(placement.podUid, uid);
        assertEquals(placement.containers, [id]);
        assertEquals(placement.qos, qos);
        assertEquals(placement.unit, "");
      }
    },
  ));
});

Deno.test("parseCgroup() takes any text, and never invents an id", () => {
  const line = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.tuple(fc.nat(20), fc.constantFrom("", "pids", "name=systemd", "cpu,cpuacct"), fc.string())
      .map(([n, c, path]) => `${n}:${c}:/${path}`),
  );
  fc.assert(fc.property(fc.array(line), (lines) => {
    const text = lines.join("\n");
    const { containers, podUid } = parseCgroup(text);
    for (const id of containers) assert(/^[0-9a-f]{64}$/.test(id) && text.includes(id));
    assert(podUid === "" || text.replaceAll("_", "-").includes(podUid));
  }));
});
