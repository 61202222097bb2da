// SPDX-License-Identifier: Apache-2.0
/**
 * An API server and a kubelet as far as the agent knows them: pods of one node over real HTTP or HTTPS.
 *
 * @module
 */

export interface PodSpec {
  readonly name: string;
  readonly uid: string;
  readonly namespace?: string;
  readonly node?: string;
  /** The container's id by its name. */
  readonly containers?: Readonly<Record<string, string>>;
  readonly owner?: { readonly kind: string; readonly name: string };
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Returns a pod's object with about all that a real one has. */
export function podObject(spec: PodSpec, resourceVersion = "1"): Record<string, unknown> {
  const { name, uid, namespace = "default", node = "node-1", containers = {}, owner, labels, annotations } =
    spec;
  const ids = Object.entries(containers);
  return {
    metadata: {
      name,
      generateName: `${name.slice(0, -5)}`,
      namespace,
      uid,
      resourceVersion,
      creationTimestamp: "2026-11-23T08:00:00Z",
      labels: { "pod-template-hash": "5d4f8c7b9", ...labels },
      ...(annotations && { annotations }),
      ...(owner && {
        ownerReferences: [{
          apiVersion: "apps/v1",
          ...owner,
          uid: crypto.randomUUID(),
          controller: true,
          blockOwnerDeletion: true,
        }],
      }),
      managedFields: [{
        manager: "kubelet",
        operation: "Update",
        apiVersion: "v1",
        time: "2026-11-23T08:00:05Z",
        fieldsType: "FieldsV1",
        fieldsV1: { "f:status": { "f:conditions": { 'k:{"type":"Ready"}': { ".": {}, "f:status": {} } } } },
        subresource: "status",
      }],
    },
    spec: {
      nodeName: node,
      restartPolicy: "Always",
      serviceAccountName: "default",
      volumes: [{ name: "kube-api-access-x7x2p", projected: { sources: [], defaultMode: 420 } }],
      containers: ids.map(([name]) => ({
        name,
        image: `registry.example/${name}:1.2.3`,
        resources: { limits: { memory: "128Mi" }, requests: { cpu: "100m", memory: "128Mi" } },
        volumeMounts: [{ name: "kube-api-access-x7x2p", mountPath: "/var/run/secrets", readOnly: true }],
      })),
    },
    status: {
      phase: "Running",
      conditions: ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({
        type,
        status: "True",
        lastProbeTime: null,
        lastTransitionTime: "2026-11-23T08:00:05Z",
      })),
      hostIP: "10.0.0.1",
      podIP: "10.244.0.7",
      startTime: "2026-11-23T08:00:00Z",
      containerStatuses: ids.map(([name, id]) => ({
        name,
        state: { running: { startedAt: "2026-11-23T08:00:04Z" } },
        lastState: {},
        ready: true,
        restartCount: 0,
        image: `registry.example/${name}:1.2.3`,
        imageID: `registry.example/${name}@sha256:${"0".repeat(64)}`,
        containerID: `containerd://${id}`,
        started: true,
      })),
      qosClass: "Burstable",
    },
  };
}

export interface FakeKubeOptions {
  /** With it, it serves HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** It lets in who has this. @default anybody */
  readonly token?: string;
  readonly port?: number;
}

/** Gives what the next request gets instead of its answer. */
export type Misbehaviour = (request: Request) => Response | Promise<Response> | undefined;

/** Serves `/api/v1/pods` (list and watch) and the kubelet's `/pods`. */
export class FakeKube implements AsyncDisposable {
  /** Each request's path with its query. */
  readonly requests: URL[] = [];
  /** Counts the requests that had another token. */
  refused = 0;
  token: string | undefined;
  /** They are taken off the front, one for each request. */
  readonly misbehave: Misbehaviour[] = [];
  readonly #pods = new Map<string, { spec: PodSpec; version: number }>();
  readonly #watchers = new Set<ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>>();
  readonly #log: { version: number; line: string }[] = [];
  readonly #tls: FakeKubeOptions["tls"];
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;
  #abort = new AbortController();
  #port: number;
  #version = 100;
  /** Versions before it can no longer be watched from. */
  #oldest = 0;

  private constructor({ tls, token, port = 0 }: FakeKubeOptions) {
    this.#tls = tls;
    this.token = token;
    this.#port = port;
  }

  static start(options: FakeKubeOptions = {}): FakeKube {
    const kube = new FakeKube(options);
    kube.listen();
    return kube;
  }

  get url(): URL {
    return new URL(`${this.#tls ? "https" : "http"}://127.0.0.1:${this.#port}`);
  }

  get port(): number {
    return this.#port;
  }

  /** Counts those that watch now. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** Listens, on the port of the last time. */
  listen(): void {
    this.#abort = new AbortController();
    const options = { hostname: "127.0.0.1", port: this.#port, onListen() {}, signal: this.#abort.signal };
    this.#server = this.#tls
      ? Deno.serve({ ...options, ...this.#tls }, (request) => this.#answer(request))
      : Deno.serve(options, (request) => this.#answer(request));
    this.#port = this.#server.addr.port;
  }

  /** Goes away, the connections with it. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#server?.finished;
    this.#server = undefined;
    this.#watchers.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  put(spec: PodSpec): void {
    const type = this.#pods.has(spec.uid) ? "MODIFIED" : "ADDED";
    this.#pods.set(spec.uid, { spec, version: ++this.#version });
    this.#send(type, podObject(spec, String(this.#version)));
  }

  remove(uid: string): void {
    const { spec } = this.#pods.get(uid)!;
    this.#pods.delete(uid);
    this.#version++;
    this.#send("DELETED", podObject(spec, String(this.#version)));
  }

  bookmark(): void {
    this.#version++;
    this.#send("BOOKMARK", { kind: "Pod", metadata: { resourceVersion: String(this.#version) } });
  }

  /** Forgets what has happened: who watches is told so, and who comes back is, too. */
  compact(): void {
    this.#oldest = ++this.#version;
    this.#log.length = 0;
    const object = { kind: "Status", status: "Failure", reason: "Expired", code: 410, message: "too old" };
    this.#write(`${JSON.stringify({ type: "ERROR", object })}\n`);
    this.hangUp();
  }

  /** Writes anything to who watches. */
  #write(text: string): void {
    for (const watcher of this.#watchers) watcher.enqueue(new TextEncoder().encode(text));
  }

  sendRaw(text: string): void {
    this.#write(text);
  }

  /** Ends all watches. */
  hangUp(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers.clear();
  }

  #send(type: string, object: unknown): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#log.push({ version: this.#version, line });
    this.#write(line);
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    this.requests.push(url);
    if (this.token !== undefined && request.headers.get("authorization") !== `Bearer ${this.token}`) {
      this.refused++;
      return status(401, "Unauthorized");
    }
    const instead = await this.misbehave.shift()?.(request);
    if (instead) return instead;
    if (url.pathname === "/pods") return Response.json(this.#list());
    if (url.pathname !== "/api/v1/pods") return status(404, "not found");
    return url.searchParams.get("watch") ? this.#watch(url) : this.#page(url);
  }

  /** Returns a page of a list, and where the next begins. */
  #page(url: URL): Response {
    const list = this.#list(url.searchParams.get("fieldSelector") ?? "");
    // As the cache does, which knows no pages.
    if (url.searchParams.get("resourceVersion") === "0") return Response.json(list);
    const from = Number(url.searchParams.get("continue") ?? 0);
    const to = from + Number(url.searchParams.get("limit") ?? Infinity);
    const more = to < list.items.length ? { continue: String(to) } : {};
    return Response.json({
      ...list,
      metadata: { ...list.metadata, ...more },
      items: list.items.slice(from, to),
    });
  }

  #list(selector = "") {
    return {
      kind: "PodList",
      apiVersion: "v1",
      metadata: { resourceVersion: String(this.#version) },
      items: [...this.#pods.values()]
        .filter(({ spec }) => !selector || selector === `spec.nodeName=${spec.node ?? "node-1"}`)
        .map(({ spec, version }) => podObject(spec, String(version))),
    };
  }

  #watch(url: URL): Response {
    const from = Number(url.searchParams.get("resourceVersion"));
    if (from < this.#oldest) return status(410, "too old resource version");
    let own: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        own = controller;
        this.#watchers.add(controller);
        for (const { version, line } of this.#log) {
          if (version > from) controller.enqueue(new TextEncoder().encode(line));
        }
      },
      cancel: () => {
        this.#watchers.delete(own);
      },
    });
    return new Response(body, { headers: { "content-type": "application/json" } });
  }
}

/** Returns a refusal as the API server words it. */
export function status(code: number, message: string): Response {
  const body = { kind: "Status", apiVersion: "v1", status: "Failure", message, code };
  return Response.json(body, { status: code });
}
