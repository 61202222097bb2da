// SPDX-License-Identifier: Apache-2.0
/**
 * The manifests, images and guide beside the programs: variables, ports, paths and messages are those of the code.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "@std/yaml/parse";
import { Registry } from "prom-client";
import denoJson from "../deno.json" with { type: "json" };
import { AGENT_SETTINGS, readAgentConfig } from "../agent/config.ts";
import { PATHS as AGENT_PATHS } from "../agent/metrics/endpoint.ts";
import { AGGREGATOR_SETTINGS, readAggregatorConfig } from "../aggregator/config.ts";
import { routeTable } from "../aggregator/http/handler.ts";
import { type Facts, gatherFacts, preflight, warnings } from "../agent/preflight.ts";
import type { Settings } from "../common/settings.ts";
import { taskFlags } from "../common/task_flags.ts";
import { runProgram } from "../tests/support/child.ts";
import { testWith } from "../tests/support/needs.ts";
import { TempFolder } from "../tests/support/programs.ts";
import {
  type Container,
  type Manifest,
  manifestFiles,
  podTemplates,
  readManifests,
} from "../tests/support/manifests.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const GUIDE = Deno.readTextFileSync(`${ROOT}docs/kubernetes.md`);
/** Without the spaces that line tables up. */
const TABLES = GUIDE.replaceAll(/ +/g, " ");

const variablesOf = (settings: Settings) => Object.values(settings).flatMap(({ env }) => env ?? []);
const PARTS = {
  agent: { settings: AGENT_SETTINGS as Settings, read: readAgentConfig },
  aggregator: { settings: AGGREGATOR_SETTINGS as Settings, read: readAggregatorConfig },
};
type Part = keyof typeof PARTS;

/** Each file with the containers of a part in it; patches of overlays among them. */
const CONTAINERS = manifestFiles().flatMap((file) => {
  return podTemplates(readManifests(file)).flatMap(({ owner, template }) => {
    // A patch may have other things to say of a pod.
    const { containers = [] } = template.spec as { containers?: readonly Container[] };
    return containers.flatMap((container) => {
      return container.name in PARTS
        ? [{ file, owner, template, container, part: container.name as Part }]
        : [];
    });
  });
});

function container(file: string): { container: Container; owner: Manifest } {
  return CONTAINERS.find((entry) => entry.file === file)!;
}

/** As it is in the container: what comes from Secrets and fields is a text. */
function environment({ env = [] }: Container): Record<string, string> {
  return Object.fromEntries(env.map(({ name, value }) => [name, value ?? "http://from.elsewhere"]));
}

for (const { file, container, part } of CONTAINERS) {
  Deno.test(`${file} sets variables that the ${part} has, to values that it takes`, () => {
    const known = variablesOf(PARTS[part].settings);
    for (const { name } of container.env ?? []) assert(known.includes(name), name);
    // A patch has less than a pod needs, as does the overlay without its base.
    const base = file.startsWith("overlays/")
      ? environment(
        CONTAINERS.find((entry) => entry.file.startsWith("k8s/") && entry.part === part)!.container,
      )
      : {};
    PARTS[part].read([], { ...base, ...environment(container) });
  });
}

Deno.test("the aggregator listens on the ports of its container and Service, which are its defaults", () => {
  const { container: aggregator } = container("k8s/aggregator.yml");
  const ports = Object.fromEntries(aggregator.ports!.map(({ name, containerPort }) => [name, containerPort]));
  assertEquals(ports, { grpc: 50051, http: 9090 });
  for (const config of [readAggregatorConfig([], environment(aggregator)), readAggregatorConfig([], {})]) {
    assertEquals([config.listen.port, config.adminListen.port], [50051, 9090]);
  }
  const services = readManifests("k8s/aggregator.yml").filter(({ kind }) => kind === "Service");
  const [service] = services;
  assertEquals(service!.metadata.name, "aperture-aggregator");
  assertEquals((service!.spec!["ports"] as { port: number }[]).map(({ port }) => port), [50051, 9090]);
});

Deno.test("agents push to a Service that there is, on its gRPC port", () => {
  const services = readManifests("k8s/aggregator.yml").filter(({ kind }) => kind === "Service");
  const urls = CONTAINERS.flatMap(({ part, container }) => {
    return part === "agent" ? container.env!.filter(({ name }) => name === "APERTURE_AGGREGATOR") : [];
  }).map(({ value }) => new URL(value!));
  for (const { hostname, port } of urls) {
    const service = services.find(({ metadata: m }) =>
      `${m.name}.${m.namespace}.svc.cluster.local` === hostname
    );
    assert(service, hostname);
    const { ports } = service.spec as unknown as { ports: { name: string; port: number }[] };
    assertEquals(ports.find(({ name }) => name === "grpc")?.port, Number(port));
  }
});

Deno.test("probes, annotations and the images' health check ask for paths that are open to all", () => {
  const routes = routeTable({
    queries: undefined as never,
    health: () => Promise.reject(new Error("Not asked")),
    staged: () => ({ batches: [], staged: 0 }),
    alerts: undefined as never,
    metrics: new Registry(),
    page: { files: new Map(), login: "" },
    version: "",
  });
  const open = routes.filter(({ method, access }) => method === "GET" && access === "open").map(({ path }) =>
    path
  );
  const { container: aggregator, owner } = container("k8s/aggregator.yml");
  const { startupProbe, livenessProbe, readinessProbe } = aggregator;
  assertEquals([livenessProbe, readinessProbe].map((probe) => probe?.httpGet?.path), ["/healthz", "/readyz"]);
  const annotations = owner.spec!.template!.metadata.annotations!;
  assertEquals(annotations, {
    "prometheus.io/scrape": "true",
    "prometheus.io/port": "9090",
    "prometheus.io/path": "/metrics",
  });
  const check = /http:\/\/localhost:9090(\/\w+)/.exec(Deno.readTextFileSync(`${ROOT}Dockerfile.aggregator`));
  const paths = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe!.httpGet!.path);
  for (const path of [...paths, annotations["prometheus.io/path"]!, check![1]!, "/api/health"]) {
    assert(open.includes(path), path);
  }
});

for (const file of ["k8s/agent-daemonset.yml", "k8s/agent-unprivileged.yml"]) {
  Deno.test(`${file} has probes and annotations for the port that the agent listens on`, () => {
    const { container: agent, owner } = container(file);
    const { listen } = readAgentConfig([], environment(agent));
    assertEquals(listen, { hostname: "0.0.0.0", port: 9090 });
    assertEquals(agent.ports, [{ name: "metrics", containerPort: listen!.port }]);
    const { startupProbe, livenessProbe, readinessProbe } = agent;
    const probes = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet);
    assertEquals(probes.map((get) => get?.path), ["/healthz", "/healthz", "/readyz"]);
    const { annotations = {} } = owner.spec!.template!.metadata;
    const prometheus = Object.entries(annotations).filter(([name]) => name.startsWith("prometheus.io/"));
    assertEquals(Object.fromEntries(prometheus), {
      "prometheus.io/scrape": "true",
      "prometheus.io/port": String(listen!.port),
      "prometheus.io/path": "/metrics",
    });
    for (const path of [...probes.map((get) => get!.path), annotations["prometheus.io/path"]!]) {
      assert(AGENT_PATHS.includes(path), path);
    }
  });
}

Deno.test("what the programs write lies on volumes, as their roots are read-only", () => {
  for (
    const { file, container, template, part } of CONTAINERS.filter(({ file }) => file.startsWith("k8s/"))
  ) {
    const writable = container.volumeMounts!.filter(({ name, readOnly }) => {
      return !readOnly && template.spec.volumes!.some((volume) => volume.name === name && volume.emptyDir);
    }).map(({ mountPath }) => mountPath);
    const config = PARTS[part].read([], environment(container)) as unknown as Record<string, unknown>;
    for (const key of ["bufferPath", "dataDir", "spoolDir"].filter((key) => config[key] !== undefined)) {
      assert(writable.some((path) => `${config[key]}/`.startsWith(`${path}/`)), `${file}: ${key}`);
    }
  }
});

Deno.test("agent-unprivileged.yml is agent-daemonset.yml but for its rights", () => {
  const [privileged, unprivileged] = ["daemonset", "unprivileged"].map((name) => {
    const objects = structuredClone(readManifests(`k8s/agent-${name}.yml`)) as Manifest[];
    const { template } = podTemplates(objects)[0]!;
    const { securityContext } = template.spec.containers[0]!;
    (template.metadata as { annotations?: unknown }).annotations = undefined;
    (template.spec.containers[0] as { securityContext?: unknown }).securityContext = undefined;
    return { objects, securityContext };
  });
  assertEquals(unprivileged!.objects, privileged!.objects);
  assertEquals(privileged!.securityContext.privileged, true);
  assertEquals(unprivileged!.securityContext.privileged, false);
  assertEquals(unprivileged!.securityContext.capabilities?.drop, ["ALL"]);
});

Deno.test("agent-unprivileged.yml has the capabilities that the agent misses when it has none", () => {
  const facts: Facts = { ...gatherFacts([]), capabilities: 0n, inInitialUserNamespace: true };
  const said = [...preflight(facts, { kinds: ["cpu"], memoryBytes: 0 }), ...warnings(facts)].join("\n");
  const missed = new Set([...said.matchAll(/\bCAP_(\w+)(?= and CAP| not held)/g)].map(([, name]) => name));
  const { container: agent } = container("k8s/agent-unprivileged.yml");
  assertEquals(agent.securityContext.capabilities?.add?.toSorted(), [...missed].sort());
});

for (const [name, main] of [["agent", "agent/main.ts"], ["aggregator", "aggregator/main.ts"]] as const) {
  Deno.test(`Dockerfile.${name} names the packages that the ${name} imports, and no others`, async () => {
    // Each image has the command line, too.
    const mains = await Promise.all([main, "cli/main.ts"].map(async (main) => {
      const { stdout } = await runProgram(Deno.execPath(), ["info", "--json", main], { cwd: ROOT });
      return (JSON.parse(stdout) as { modules: { dependencies?: { specifier: string }[] }[] }).modules;
    }));
    const modules = mains.flat();
    const packages = Object.keys(denoJson.imports).filter((key) => !key.startsWith("@std/"));
    const imported = modules.flatMap(({ dependencies = [] }) =>
      dependencies.map(({ specifier }) => specifier)
    );
    const needed = packages.filter((key) => imported.some((from) => `${from}/`.startsWith(`${key}/`)));
    // The engine is reached by a program of its own.
    if (name === "aggregator") needed.push("@chdb/lib-linux-x64-gnu");
    // The demangler's WebAssembly is read as a file, to bound its memory.
    needed.push("gecko-profiler-demangle");
    const text = Deno.readTextFileSync(`${ROOT}Dockerfile.${name}`);
    const stage = /AS modules\n[^]*?install/.exec(text)![0];
    assertEquals(
      packages.filter((key) => new RegExp(`[ =]${key}[ ;\n]`).test(stage)),
      packages.filter((key) => needed.includes(key)),
    );
  });
}

testWith(["env"], "the images' aperture starts without a shell, with the flags of its task", async () => {
  const text = Deno.readTextFileSync(`${ROOT}deploy/images/aperture`);
  const [first] = text.split("\n");
  assert(first!.length <= 255, "the kernel cuts a longer first line");
  const flags = first!.split(" ").slice(4);
  const image = [
    "--cached-only",
    "--config=/aperture/deno.json",
    "--allow-run=deno",
    "--ext=js",
  ];
  assertEquals(
    flags.filter((flag) => !image.includes(flag)).sort(),
    taskFlags("aperture").filter((flag) => !flag.startsWith("--allow-run=")).sort(),
  );
  for (const file of ["agent", "aggregator"]) {
    const dockerfile = Deno.readTextFileSync(`${ROOT}Dockerfile.${file}`);
    assertStringIncludes(dockerfile, "COPY --chmod=755 deploy/images/aperture /usr/local/bin/aperture\n");
    assertMatch(dockerfile, /root_folder\.sh .*\/usr\/bin\/env/);
  }
  using folder = new TempFolder();
  // As there, but for where things are.
  const here = text.replaceAll("/aperture/", ROOT);
  const path = folder.write("aperture", here);
  Deno.chmodSync(path, 0o755);
  const { code, stdout, stderr } = await runProgram(path, ["--version"], { cwd: folder.path });
  assertEquals([code, stdout], [0, `aperture ${denoJson.version}\n`], stderr);
});

Deno.test("images, manifests and Compose have the version of deno.json, and Deno that of ./dev", () => {
  const texts = ["Dockerfile.agent", "Dockerfile.aggregator", "docker-compose.yml"].map((file) => {
    return Deno.readTextFileSync(ROOT + file);
  });
  const images = [
    ...CONTAINERS.flatMap(({ container }) => container.image ?? []),
    ...texts.flatMap((text) => text.match(/aperture-(agent|aggregator):\S+/g) ?? []),
  ];
  for (const image of images) assert(image.endsWith(`:${denoJson.version}`), image);
  const [, pinned] = /deno_version=(\S+)/.exec(Deno.readTextFileSync(`${ROOT}dev`))!;
  const bases = texts.flatMap((text) => {
    const stages = [...text.matchAll(/^FROM \S+ AS (\S+)/gm)].map(([, stage]) => `FROM ${stage}`);
    return (text.match(/^FROM \S+/gm) ?? []).filter((base) => !stages.includes(base));
  });
  assert(bases.length > 6);
  for (const base of bases) {
    const known = [
      "scratch",
      `docker.io/denoland/deno:bin-${pinned}`,
      "docker.io/library/debian:bookworm-slim",
    ];
    assert(known.includes(base.slice("FROM ".length)), base);
  }
});

Deno.test("docker-compose.yml sets variables that the programs have, to values that they take", () => {
  const { services } = parse(Deno.readTextFileSync(`${ROOT}docker-compose.yml`)) as {
    services: Record<string, { environment: Record<string, string> }>;
  };
  for (const part of ["agent", "aggregator"] as const) {
    const known = variablesOf(PARTS[part].settings);
    const env = Object.entries(services[part]!.environment).map(([name, value]) => {
      assert(known.includes(name), name);
      return [name, value.replace(/^\$\{\w+:-(.*)\}$/, "$1")];
    });
    PARTS[part].read([], Object.fromEntries(env));
  }
});

Deno.test("the guide's monitoring names metrics that docs/metrics.md has", async () => {
  const known = await Deno.readTextFile(`${ROOT}docs/metrics.md`);
  const named = [...TABLES.matchAll(/^\| `((?:aperture|process)_\w+)/gm)].map(([, name]) => name!);
  assert(named.length > 12);
  for (const name of named) assertStringIncludes(known, `| \`${name}\` `);
});

Deno.test("the guide names every variable of both programs, and no other", () => {
  const known = new Set(Object.values(PARTS).flatMap(({ settings }) => variablesOf(settings)));
  const named = new Set(GUIDE.match(/\b(APERTURE|DEBUGINFOD|OTEL)_\w+/g));
  assertEquals([...known].filter((name) => !named.has(name)), []);
  assertEquals([...named].filter((name) => !known.has(name)), []);
  const [agent, aggregator] = ["### Agent", "### Aggregator"].map((heading) => {
    const from = TABLES.slice(TABLES.indexOf(heading) + heading.length);
    return from.slice(0, /\n##/.exec(from)?.index);
  });
  const rowsOf = (table: string) => [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name!).sort();
  assertEquals(rowsOf(agent!), variablesOf(AGENT_SETTINGS).sort());
  assertEquals(rowsOf(aggregator!), variablesOf(AGGREGATOR_SETTINGS).sort());
});

Deno.test("the guide's tables have the defaults of the code", () => {
  for (const { settings } of Object.values(PARTS)) {
    for (const { env, default: value } of Object.values(settings)) {
      if (env === undefined || value === undefined) continue;
      const rows = TABLES.split("\n").filter((line) => line.startsWith(`| \`${env}\` |`));
      assert(rows.some((row) => row.includes(`| \`${value}\` |`)), `${env}: ${value}`);
    }
  }
});

Deno.test("the guide's commands name files, labels and objects that there are", () => {
  const commands = [...GUIDE.matchAll(/```bash\n([^]*?)```/g)].flatMap(([, block]) => {
    return block!.replaceAll("\\\n", " ").split("\n").filter((line) => line.startsWith("kubectl "));
  });
  assert(commands.length > 10);
  const templates = manifestFiles("k8s/").flatMap((file) => podTemplates(readManifests(file)));
  for (const command of commands) {
    for (const [, path] of command.matchAll(/ -[fk] (deploy\/\S+)/g)) Deno.statSync(ROOT + path);
    for (const [, label, value] of command.matchAll(/ -l (\w+)=(\S+)/g)) {
      assert(templates.some(({ template }) => template.metadata.labels[label!] === value), command);
    }
    for (const [, kind, name] of command.matchAll(/ (deploy|daemonset|statefulset)\/(aperture-\S+)/g)) {
      const found = templates.some(({ owner }) => {
        return owner.kind.toLowerCase().startsWith(kind!) && owner.metadata.name === name;
      });
      assert(found, command);
    }
    if (/ (get|logs|exec|rollout|scale|set|port-forward) /.test(command)) {
      assertStringIncludes(command, " -n aperture");
    }
  }
});

Deno.test("the guide's promises hold: three files, and what is asked of them afterwards", () => {
  for (
    const command of [
      "kubectl apply -f deploy/k8s/namespace.yml",
      "kubectl apply -f deploy/k8s/aggregator.yml",
      "kubectl apply -f deploy/k8s/agent-daemonset.yml",
      "kubectl logs -n aperture -l app=aperture-agent",
      "kubectl exec -n aperture -it deploy/aperture-aggregator -- \\\n  curl http://localhost:9090/api/health",
    ]
  ) assertStringIncludes(GUIDE, command);
  assertStringIncludes(Deno.readTextFileSync(`${ROOT}Dockerfile.aggregator`), "/usr/bin/curl");
});

Deno.test("the guide quotes the agent's own messages", () => {
  const facts: Facts = {
    ...gatherFacts([]),
    kernelRelease: "4.18.0",
    hasBtf: false,
    capabilities: 0n,
    inInitialUserNamespace: true,
  };
  const said = [...preflight(facts, { kinds: ["syscall"], memoryBytes: 0 }), ...warnings(facts)];
  for (
    const quoted of [
      "Kernel too old (need 5.10+)",
      "Insufficient privileges (needs `privileged: true`)",
      "Missing BTF of the kernel",
      "Fewer rights than useful",
    ]
  ) {
    const message = said.find((text) => text.startsWith(quoted));
    assert(message, quoted);
    assertStringIncludes(GUIDE, quoted);
  }
});
