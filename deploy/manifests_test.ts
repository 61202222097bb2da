// SPDX-License-Identifier: Apache-2.0
/**
 * The manifests by themselves: each is valid, and what they name of each other is there.
 */

import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml/parse";
import { type Manifest, manifestFiles, podTemplates, readManifests } from "../tests/support/manifests.ts";
import { runProgram } from "../tests/support/child.ts";
import { isMissing } from "../tests/support/needs.ts";

const DEPLOY = new URL("./", import.meta.url).pathname;

/** Partial objects that a kustomization merges into others. */
const PATCHES = new Set(
  kustomizations().flatMap((folder) => {
    const { patches = [] } = kustomization(folder);
    return patches.flatMap(({ path }) => path === undefined ? [] : [`${folder}/${path}`]);
  }),
);
const FILES = manifestFiles().filter((file) => !PATCHES.has(file));

function kustomizations(): string[] {
  return ["k8s", ...[...Deno.readDirSync(`${DEPLOY}overlays`)].map(({ name }) => `overlays/${name}`).sort()];
}

function kustomization(folder: string) {
  return parse(Deno.readTextFileSync(`${DEPLOY}${folder}/kustomization.yml`)) as {
    resources: string[];
    patches?: { path?: string }[];
  };
}

/** Returns the class that kubernetes-models has of an object: of `apps/v1`, `v1` and so on. */
async function modelOf({ apiVersion, kind }: Manifest) {
  const models = await import(`kubernetes-models/${apiVersion}`);
  return models[kind] as new (object: unknown) => { validate(): void };
}

for (const file of FILES) {
  Deno.test(`${file} holds valid objects`, async () => {
    const objects = readManifests(file);
    assert(objects.length > 0);
    for (const object of objects) new (await modelOf(object))(object).validate();
  });
}

/** The API server takes no field that it does not know; the types of kubernetes-models know them all. */
async function assertFieldsKnown(objects: readonly Manifest[]): Promise<void> {
  const lines = objects.map((object, i) => {
    const type = `I${object.kind}`;
    return `import type { ${type} as T${i} } from "kubernetes-models/${object.apiVersion}";\n` +
      `export const o${i}: T${i} = ${JSON.stringify(object)};\n`;
  });
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/objects.ts`, lines.join(""));
  const args = ["check", "--quiet", "--frozen", `--config=${DEPLOY}../deno.json`, `${folder}/objects.ts`];
  const { code, stderr } = await runProgram(Deno.execPath(), args);
  await Deno.remove(folder, { recursive: true });
  assertEquals(code, 0, stderr);
}

Deno.test("the manifests have no field that Kubernetes does not know", async () => {
  await assertFieldsKnown(FILES.flatMap(readManifests));
});

Deno.test("assertFieldsKnown() finds a field with a typing error", async () => {
  const [namespace] = readManifests("k8s/namespace.yml");
  const wrong = { ...namespace!, metadata: { ...namespace!.metadata, lables: {} } };
  const error = await assertFieldsKnown([wrong]).then(() => undefined, (error: Error) => error.message);
  assert(error?.includes("lables"), error);
});

Deno.test("the kustomizations name files that are there, and each file is in one or stands alone", () => {
  const named = new Set<string>();
  for (const folder of kustomizations()) {
    const { resources, patches = [] } = kustomization(folder);
    for (const path of [...resources, ...patches.flatMap(({ path }) => path ?? [])]) {
      Deno.statSync(`${DEPLOY}${folder}/${path}`);
      named.add(`${folder}/${path}`);
    }
  }
  const alone = manifestFiles().filter((file) => !named.has(file));
  assertEquals(alone, [
    "k8s/agent-unprivileged.yml",
    "k8s/examples/auth-token.yml",
    "k8s/examples/kubelet.yml",
    "k8s/examples/tls.yml",
  ]);
});

for (const folder of kustomizations()) {
  // Not of Debian: the tests above hold what these are made of.
  Deno.test({
    name: `kubectl kustomize ${folder} gives valid objects`,
    ignore: isMissing("kubectl"),
    fn: async () => {
      const { code, stdout, stderr } = await runProgram("kubectl", ["kustomize", `${DEPLOY}${folder}`]);
      assertEquals(code, 0, stderr);
      const path = await Deno.makeTempFile({ suffix: ".yml" });
      await Deno.writeTextFile(path, stdout);
      const objects = readManifests(path);
      await Deno.remove(path);
      for (const object of objects) new (await modelOf(object))(object).validate();
      assertReferences(objects);
      await assertFieldsKnown(objects);
    },
  });
}

Deno.test("what the manifests name of each other is there", () => {
  const { resources } = kustomization("k8s");
  const objects = [...resources, "examples/auth-token.yml"].flatMap((path) => readManifests(`k8s/${path}`));
  assertReferences(objects);
});

/** Selectors, ports, volumes, accounts, Secrets and ConfigMaps: all that is only a name to the API server. */
function assertReferences(objects: readonly Manifest[]): void {
  const names = (kind: string) =>
    objects.filter((object) => object.kind === kind).map((o) => o.metadata.name);
  const templates = podTemplates(objects);
  for (const { owner, template } of templates) {
    const { selector } = owner.spec as { selector: { matchLabels: Record<string, string> } };
    assert(matches(selector.matchLabels, template.metadata.labels), `the selector of ${owner.metadata.name}`);
    const { serviceAccountName, containers, volumes = [] } = template.spec;
    assert(names("ServiceAccount").includes(serviceAccountName), serviceAccountName);
    const claims = (owner.spec?.["volumeClaimTemplates"] ?? []) as Manifest[];
    const known = [...volumes.map(({ name }) => name), ...claims.map(({ metadata }) => metadata.name)];
    for (const volume of volumes) {
      if (volume.configMap) assert(names("ConfigMap").includes(volume.configMap.name), volume.configMap.name);
      const claim = volume.persistentVolumeClaim?.claimName;
      if (claim) assert(names("PersistentVolumeClaim").includes(claim), claim);
    }
    for (const container of containers) {
      const mounted = (container.volumeMounts ?? []).map(({ name }) => name);
      assertEquals([...new Set(mounted)].sort(), known.toSorted(), `volumes of ${owner.metadata.name}`);
      const ports = new Set((container.ports ?? []).map(({ name }) => name));
      for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
        const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port;
        if (probe) assert(port !== undefined && ports.has(port), `${owner.metadata.name}: port ${port}`);
      }
      for (const { name, valueFrom } of container.env ?? []) {
        const secret = valueFrom?.secretKeyRef;
        const found = objects.find((o) => o.kind === "Secret" && o.metadata.name === secret?.name);
        if (secret && !(secret.optional && !found)) assert(found?.stringData?.[secret.key], name);
      }
    }
  }
  for (const { kind, metadata, spec = {} } of objects) {
    if (kind !== "Service" && kind !== "PodDisruptionBudget" && kind !== "NetworkPolicy") continue;
    const pods = templates.filter(({ template }) => matches(labelsOf(spec), template.metadata.labels));
    assert(pods.length > 0, `${kind} ${metadata.name} selects no pod`);
    const open = new Set(
      pods.flatMap(({ template }) => template.spec.containers).flatMap(({ ports = [] }) => ports).map((p) =>
        p.name
      ),
    );
    for (const port of portsOf(spec)) assert(open.has(port), `${kind} ${metadata.name}: no port ${port}`);
  }
}

/** Returns the labels by which a Service, a PodDisruptionBudget or a NetworkPolicy chooses pods. */
function labelsOf(spec: Record<string, unknown>): Record<string, string> {
  const selector = spec["podSelector"] ?? spec["selector"];
  const { matchLabels = selector } = selector as { matchLabels?: Record<string, string> };
  return matchLabels as Record<string, string>;
}

function portsOf(spec: Record<string, unknown>): string[] {
  const ports = (spec["ports"] ?? []) as { targetPort: string }[];
  const ingress = (spec["ingress"] ?? []) as { ports: { port: string }[] }[];
  return [
    ...ports.map(({ targetPort }) => targetPort),
    ...ingress.flatMap(({ ports }) => ports.map((p) => p.port)),
  ];
}

function matches(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}
