// SPDX-License-Identifier: Apache-2.0
/**
 * Builds both images from their Dockerfiles and runs them as the manifests say, on this machine and offline: the
 * agent's profiles it, the aggregator's takes what is pushed and answers. Prints sizes and times.
 *
 *     deno task images            needs root, buildah, debootstrap and the package registries
 *     deno task images --keep     leaves the images, for a look at them
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { Builder } from "./images/builder.ts";
import { output } from "./images/commands.ts";
import { Container, type ContainerOptions, Network } from "./images/container.ts";
import { type PodSpec, podSpecOf } from "./images/manifest.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const FOLDER = `${ROOT}.tools/images`;
const AGGREGATOR = "aperture-aggregator:0.1.0";
const AGGREGATOR_ONLY = "aperture-aggregator:0.1.0-server";
const AGENT = "aperture-agent:0.1.0";
const AGENT_PORT = 9091;
const SERVICE = "aperture-aggregator.aperture.svc.cluster.local";

/** Prints one line of the report. */
function say(what: string, figure: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${what.padEnd(64)} ${figure}\n`));
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

async function main(args: readonly string[]): Promise<void> {
  if (Deno.uid() !== 0) throw new Error("Cannot build images as this is not root");
  await installTools();
  Deno.chdir(ROOT);
  await Deno.mkdir(FOLDER, { recursive: true });
  await using parts = new AsyncDisposableStack();
  const builder = new Builder(FOLDER);
  if (!args.includes("--keep")) parts.use(builder);
  await timed("base images", () => builder.commitBases());
  await timed("Dockerfile.agent", () => builder.build(AGENT, "Dockerfile.agent"));
  await timed("Dockerfile.aggregator", () => builder.build(AGGREGATOR, "Dockerfile.aggregator"));
  await timed("Dockerfile.aggregator, EMBEDDED=0", () => {
    return builder.build(AGGREGATOR_ONLY, "Dockerfile.aggregator", ["EMBEDDED=0"]);
  });
  for (const image of [AGENT, AGGREGATOR, AGGREGATOR_ONLY]) {
    say(`size of ${image}`, await builder.size(image));
  }
  await runLeftOut(builder);
  const network = parts.use(await Network.open());
  const aggregator = parts.use(await runAggregator(builder, { parts, network }));
  await runAgent(builder, { aggregator, network, manifest: "agent-daemonset.yml" });
  await runAgent(builder, { aggregator, network, manifest: "agent-unprivileged.yml" });
  const { code } = await aggregator.stop();
  expect(code === 0, { what: "the aggregator ends in order", logs: aggregator.logs });
}

async function installTools(): Promise<void> {
  const found = await Promise.all(
    ["buildah", "debootstrap"].map((name) =>
      Deno.stat(`/usr/sbin/${name}`).then(
        () => true,
        () => Deno.stat(`/usr/bin/${name}`).then(() => true, () => false),
      )
    ),
  );
  if (found.every(Boolean)) return;
  await output("apt-get", ["update", "-qq"]);
  await output("apt-get", [
    "install",
    "-y",
    "-qq",
    "--no-install-recommends",
    "buildah",
    "debootstrap",
    "libcap2-bin",
  ]);
}

async function timed(what: string, build: () => Promise<void>): Promise<void> {
  const start = performance.now();
  await build();
  say(`built: ${what}`, seconds(performance.now() - start));
}

/** An image without the engine must say so, not fail in the midst. */
async function runLeftOut(builder: Builder): Promise<void> {
  const config = await builder.config(AGGREGATOR_ONLY);
  await using network = await Network.open();
  await using image = await builder.mount(AGGREGATOR_ONLY);
  await using container = await Container.start({
    root: image.path,
    config,
    network,
    env: {},
    capabilities: [],
    hostPid: false,
    mounts: { "/var/lib/aperture": "tmpfs" },
    hostNames: [],
  });
  const { code } = await container.status;
  await container.stop();
  expect(code === 1 && /this build leaves it out: set APERTURE_CLICKHOUSE_ENDPOINT/.test(container.logs), {
    what: "the image without the engine says so",
    logs: container.logs,
  });
}

interface Running {
  readonly parts: AsyncDisposableStack;
  readonly network: Network;
}

async function runAggregator(builder: Builder, { parts, network }: Running): Promise<Container> {
  const image = parts.use(await builder.mount(AGGREGATOR));
  const pod = await podSpecOf(`${ROOT}deploy/k8s/aggregator.yml`, "Deployment");
  const options = await containerOptions(builder, AGGREGATOR, { root: image.path, pod, network });
  const start = performance.now();
  const aggregator = await Container.start(options);
  for (let tries = 0; !await answers(aggregator, "/readyz"); tries++) {
    expect(tries < 600, { what: "the aggregator gets ready", logs: aggregator.logs });
    await delay(50);
  }
  say("aggregator: start to ready, with the embedded engine", seconds(performance.now() - start));
  const health = await aggregator.exec("curl", "http://localhost:9090/healthz");
  expect(health === "ok", { what: "curl inside the aggregator's container answers", logs: health });
  return aggregator;
}

interface AgentRun {
  readonly aggregator: Container;
  readonly network: Network;
  readonly manifest: string;
}

async function runAgent(builder: Builder, { aggregator, network, manifest }: AgentRun): Promise<void> {
  await using image = await builder.mount(AGENT);
  const pod = await podSpecOf(`${ROOT}deploy/k8s/${manifest}`, "DaemonSet");
  const { env, ...others } = await containerOptions(builder, AGENT, { root: image.path, pod, network });
  // Here all containers share one network, in which 9090 is the aggregator's.
  const listen: Record<string, string> = { APERTURE_AGENT_LISTEN: `0.0.0.0:${AGENT_PORT}` };
  const options = { ...others, env: { ...env, ...listen } };
  const before = await pushed(aggregator);
  const start = performance.now();
  await using agent = await Container.start(options);
  for (let tries = 0; !agent.logs.includes("] agent: Watching "); tries++) {
    expect(tries < 600, { what: `the agent of ${manifest} starts`, logs: agent.logs });
    await delay(20);
  }
  say(`agent of ${manifest}: start to watching`, seconds(performance.now() - start));
  for (let tries = 0; await pushed(aggregator) === before; tries++) {
    expect(tries < 300, { what: `the agent of ${manifest} pushes`, logs: agent.logs });
    await delay(100);
  }
  say(`agent of ${manifest}: start to push_total_ok + 1 (window 10 s)`, seconds(performance.now() - start));
  const node = env["APERTURE_NODE_NAME"]!;
  const kernel = await kernelFunctions(aggregator, node);
  expect(kernel > 0, { what: `kernel functions of ${manifest} have names`, logs: agent.logs });
  say(`agent of ${manifest}: named kernel functions in storage`, String(kernel));
  const ready = await aggregator.exec("curl", "--silent", `http://localhost:${AGENT_PORT}/readyz`);
  expect(ready === "ready", { what: `the agent of ${manifest} is ready: ${ready}`, logs: agent.logs });
  const metrics = await aggregator.exec("curl", "--silent", `http://localhost:${AGENT_PORT}/metrics`);
  const whole = /^aperture_agent_stacks_total\{kind="cpu",end="complete"\} [1-9]/m.test(metrics);
  expect(whole, { what: `the agent of ${manifest} has whole stacks in its metrics`, logs: metrics });
  const { code } = await agent.stop();
  expect(code === 0, { what: `the agent of ${manifest} ends in order`, logs: agent.logs });
  const complete = !agent.logs.includes("Fewer rights");
  expect(complete, { what: `the agent of ${manifest} has all rights`, logs: agent.logs });
}

/** Returns the image as `pod` wants it run. */
async function containerOptions(
  builder: Builder,
  image: string,
  { root, pod, network }: { root: string; pod: PodSpec; network: Network },
): Promise<ContainerOptions> {
  const config = await builder.config(image);
  return {
    root,
    config: pod.user === undefined ? config : { ...config, User: pod.user },
    network,
    env: { ...pod.env, APERTURE_NODE_NAME: pod.env["APERTURE_NODE_NAME"] ?? "" },
    capabilities: pod.capabilities,
    hostPid: pod.hostPid,
    mounts: pod.mounts,
    hostNames: [SERVICE],
  };
}

async function answers(aggregator: Container, path: string): Promise<boolean> {
  const args = ["--fail", "--silent", "--output", "/dev/null", `http://localhost:9090${path}`];
  return await aggregator.exec("curl", ...args).then(() => true, () => false);
}

/** Returns `push_total_ok`, asked for as the guide says. */
async function pushed(aggregator: Container): Promise<number> {
  const text = await aggregator.exec("curl", "--silent", "http://localhost:9090/api/health");
  return (JSON.parse(text) as { push_total_ok: number }).push_total_ok;
}

async function kernelFunctions(aggregator: Container, node: string): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const url = `http://localhost:9090/api/top?from=-5m&limit=1000&match={node="${node}"}`;
    const { rows } = JSON.parse(await aggregator.exec("curl", "--silent", url)) as {
      rows: { function: string; module: string }[];
    };
    const named = rows.filter((row) => row.module === "[kernel]" && /^[a-z_]\w+$/i.test(row.function));
    if (named.length > 0) return named.length;
    await delay(100);
  }
  return 0;
}

function expect(holds: boolean, { what, logs }: { what: string; logs: string }): void {
  if (!holds) throw new Error(`It does not hold that ${what}:\n${logs.slice(-3000)}`);
}

await main(Deno.args);
