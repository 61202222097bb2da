// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../../../common/main.ts";
import { FakeKube } from "../../../tests/support/fake_kube.ts";
import { until } from "../../../tests/support/until.ts";
import { TempFolder } from "../../../tests/support/programs.ts";
import { readAgentConfig } from "../../config.ts";
import { inClusterUrl } from "./client.ts";
import { openPods } from "./open.ts";

const NOWHERE = { node: "node-1", apiServer: undefined };

function config(folder: TempFolder, ...args: string[]) {
  return readAgentConfig([`--kube-account=${folder.path}`, ...args], {});
}

Deno.test("openPods() asks nobody outside of a cluster, without an account, or when told so", () => {
  using folder = new TempFolder();
  const apiServer = new URL("https://127.0.0.1:1");
  assertEquals(openPods(config(folder), { ...NOWHERE, apiServer }), undefined);
  folder.write("token", "t");
  assertEquals(openPods(config(folder), NOWHERE), undefined);
  assertEquals(openPods(config(folder, "--kube=off"), { ...NOWHERE, apiServer }), undefined);
});

Deno.test("openPods() says what is missing when it was asked for", () => {
  using folder = new TempFolder();
  const apiServer = new URL("https://127.0.0.1:1");
  const open = (kube: string, apiServer?: URL) =>
    openPods(config(folder, `--kube=${kube}`), { ...NOWHERE, apiServer });
  assertThrows(() => open("api"), UserError, "KUBERNETES_SERVICE_HOST is not set");
  assertThrows(() => open("api", apiServer), UserError, `${folder.path}/token is not there`);
  assertThrows(() => open("kubelet"), UserError, `${folder.path}/token is not there`);
});

Deno.test("openPods() asks the kubelet's read-only port without an account, for labels that were chosen", async () => {
  using folder = new TempFolder();
  await using kube = FakeKube.start();
  const uid = "0d9bd8f7-7a34-4f3a-9c55-2f6e9f1f4a11";
  kube.put({ name: "p", uid, labels: { app: "web" }, annotations: { team: "x" } });
  const args = [
    "--kube=kubelet",
    `--kubelet-url=${kube.url}`,
    "--pod-labels=app",
    "--pod-annotations=team",
  ];
  await using pods = openPods(config(folder, ...args), NOWHERE);
  await until(() => pods!.find(uid, []) !== undefined);
  assertEquals(pods!.find(uid, [])?.pod.labels, "app=web,team=x");
});

Deno.test("inClusterUrl() is that of the environment, of either address family", () => {
  assertEquals(inClusterUrl("10.96.0.1", "443")?.href, "https://10.96.0.1/");
  assertEquals(inClusterUrl("fd00::1", "6443")?.href, "https://[fd00::1]:6443/");
  assertEquals(inClusterUrl(undefined, undefined), undefined);
  assertEquals(inClusterUrl("", "443"), undefined);
  assert(inClusterUrl("host", "not a port") === undefined);
});
