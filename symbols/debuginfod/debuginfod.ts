// SPDX-License-Identifier: Apache-2.0
/**
 * Debug files of modules that have none here, from debuginfod servers, in the background: who wants one asks
 * and goes on, and looks later whether it has come.
 *
 * @module
 */

import { backoffMs } from "../../common/backoff.ts";
import { Burst } from "../../common/log.ts";
import { getLogger } from "@logtape/logtape";
import { countedCache } from "../../common/counted_cache.ts";
import { DebugFileCache } from "./cache.ts";
import { download, type Outcome } from "./download.ts";
import { BURST_MS, missRetryMs } from "./retry_after.ts";
import { DebuginfodServer } from "./server.ts";

const logger = getLogger(["aperture", "symbols"]);

const CACHE_BYTES = 2 ** 31;
/** Downloads at the same time. */
const MAX_RUNNING = 2;
/** Build ids that wait; beyond that, the one that was asked for longest ago goes. */
const MAX_WAITING = 1024;
/** Build ids that need not be asked for, for now. */
const MAX_RESTING = 8192;
/** A file that came, was refused, or was something else, is asked for again after so many ms. */
const REST_MS = 3_600_000;
/** It rests so between requests for one file that a server fails at. */
const RETRY = { firstMs: 2000, maxMs: REST_MS };
const CLEAN_EACH_MS = 60_000;
/** Build ids have the form that elfutils' own clients take: hex of up to 64 bytes. */
const BUILD_ID = /^([0-9a-f]{2}){2,64}$/;

export interface DebuginfodOptions {
  /** The servers are asked in this order. */
  readonly urls: readonly URL[];
  /** It is shared with other debuginfod clients. */
  readonly folder: string;
  /** The files that this client puts there may take so many bytes. @default {2 GiB} */
  readonly cacheBytes?: number;
  /** One file may have so many bytes. @default {512 MiB} */
  readonly maxBytes?: number;
  /** At least 100 KiB must come each so many ms; 0 waits for ever. @default {90000} */
  readonly stallMs?: number;
  /** PEM of authorities that are trusted besides the usual ones. */
  readonly ca?: string | undefined;
  /** It rests so between requests for one file that a server fails at. @default {2 s, doubled up to an hour} */
  readonly retry?: { readonly firstMs: number; readonly maxMs: number };
}

/** Is counted since the start, but for what is there now (`pending`, `cacheBytes`). */
export interface DebuginfodStats {
  /** Build ids. */
  readonly asked: number;
  readonly found: number;
  /** No server has them. */
  readonly notFound: number;
  /** They are larger than the limit. */
  readonly tooLarge: number;
  /** Counts what a server gave that was not the file. */
  readonly rejected: number;
  /** Requests that gave no answer, or an error; the file is asked for again. */
  readonly failed: number;
  /** Build ids that went unasked, as too many were waiting. */
  readonly dropped: number;
  readonly requests: number;
  /** So many bytes were downloaded, of files that were found. */
  readonly bytes: number;
  /** Build ids that wait, or are asked for now. */
  readonly pending: number;
  /** The size of Aperture's own files in the cache. */
  readonly cacheBytes: number;
  /** Files that made room for others. */
  readonly evicted: number;
}

interface Rest {
  /** The build id may be asked for again at this time, in ms. */
  readonly until: number;
  /** No server had it so often since it was first asked for. */
  readonly misses: number;
}

interface Job {
  readonly buildId: string;
  /** Servers that need not be asked again. */
  readonly done: Set<DebuginfodServer>;
  /** One of them may have the file, but not one that can be used. */
  refused: boolean;
  failures: number;
  notBefore: number;
}

/** A queue of build ids, the servers, and the cache that they share. */
export class Debuginfod implements AsyncDisposable {
  readonly #cache: DebugFileCache;
  readonly #servers: readonly DebuginfodServer[];
  readonly #options: Required<Pick<DebuginfodOptions, "maxBytes" | "stallMs" | "retry">>;
  readonly #client: Deno.HttpClient | undefined;
  readonly #stop = new AbortController();
  readonly #waiting = new Map<string, Job>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #resting = countedCache<string, Rest>(MAX_RESTING);
  #found: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #cleanedAt = -Infinity;
  readonly #burst = new Burst(logger, { window: BURST_MS, verbose: true });
  readonly #counts = {
    ...{ asked: 0, found: 0, notFound: 0, tooLarge: 0, rejected: 0 },
    ...{ failed: 0, dropped: 0, requests: 0, bytes: 0 },
  };

  private constructor(cache: DebugFileCache, options: DebuginfodOptions) {
    const { urls, ca, cacheBytes = CACHE_BYTES, maxBytes = 512 << 20, stallMs = 90_000, retry = RETRY } =
      options;
    this.#cache = cache;
    this.#servers = urls.map((url) => new DebuginfodServer(url, () => performance.now()));
    this.#options = { maxBytes: Math.min(maxBytes, cacheBytes), stallMs, retry };
    this.#client = ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [ca] });
  }

  /** @throws {Error} when the cache's folder cannot be made or written to, or `ca` makes no sense */
  static async open(options: DebuginfodOptions): Promise<Debuginfod> {
    const { folder, cacheBytes = CACHE_BYTES } = options;
    const cache = await DebugFileCache.open({ folder, maxBytes: cacheBytes }).catch((cause) => {
      throw new Error(`Cannot keep debug files in '${folder}': ${cause.message}`, { cause });
    });
    return new Debuginfod(cache, options);
  }

  get stats(): DebuginfodStats {
    const pending = this.#waiting.size + this.#running.size;
    return { ...this.#counts, pending, cacheBytes: this.#cache.bytes, evicted: this.#cache.evicted };
  }

  /** Returns where the debug file of `buildId` is once it has come. */
  pathOf(buildId: string): string | undefined {
    return BUILD_ID.test(buildId) ? this.#cache.pathOf(buildId) : undefined;
  }

  /** Asks for the debug file of `buildId`, unless that is being done or was done not long ago. */
  want(buildId: string): void {
    if (!BUILD_ID.test(buildId) || this.#stop.signal.aborted || this.#running.has(buildId)) return;
    const waiting = this.#waiting.get(buildId);
    if (waiting) {
      this.#waiting.delete(buildId);
      this.#waiting.set(buildId, waiting); // The map's order is that of the last question.
      return;
    }
    if (performance.now() < (this.#resting.get(buildId)?.until ?? 0)) return;
    this.#counts.asked++;
    this.#waiting.set(buildId, { buildId, done: new Set(), refused: false, failures: 0, notBefore: 0 });
    this.#dropOldest();
    this.#schedule();
  }

  /** Returns the build ids whose files have come; each is told once. */
  takeFound(): readonly string[] {
    const found = this.#found;
    if (found.length > 0) this.#found = [];
    return found;
  }

  /** Gives up what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    this.#waiting.clear();
    await Promise.all(this.#running.values());
    this.#client?.close();
  }

  #dropOldest(): void {
    for (const buildId of this.#waiting.keys()) {
      if (this.#waiting.size <= MAX_WAITING) return;
      this.#waiting.delete(buildId);
      this.#counts.dropped++;
    }
  }

  /** Starts what is due, and comes again when the next one is. */
  #schedule(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    let next = Infinity;
    for (const job of this.#waiting.values()) {
      if (this.#running.size >= MAX_RUNNING || this.#stop.signal.aborted) return;
      if (job.notBefore > now) next = Math.min(next, job.notBefore);
      else this.#start(job);
    }
    if (next < Infinity) this.#timer = setTimeout(() => this.#schedule(), Math.max(1, next - now));
  }

  #start(job: Job): void {
    const { buildId } = job;
    this.#waiting.delete(buildId);
    const done = this.#run(job).catch((error) => {
      if (!this.#stop.signal.aborted) this.#fail(job, error as Error);
    }).then(() => {
      this.#running.delete(buildId);
      this.#schedule();
    });
    this.#running.set(buildId, done);
  }

  /** Asks the servers that are left, one after the other. */
  async #run(job: Job): Promise<void> {
    const { buildId } = job;
    await this.#clean();
    const known = await this.#cache.look(buildId);
    if (known === "found") return this.#take(job);
    if (known === "missing") return this.#miss(job, await this.#cache.missMs());
    let again = Infinity;
    for (const server of this.#servers) {
      if (job.done.has(server)) continue;
      if (!server.rests && await this.#ask(server, job)) return;
      if (!job.done.has(server)) again = Math.min(again, Math.max(job.notBefore, server.restsUntil));
    }
    if (again < Infinity) return this.#wait(job, again);
    if (job.refused) return this.#rest(job, REST_MS);
    await this.#cache.markMissing(buildId);
    this.#miss(job, await this.#cache.missMs());
  }

  /** Tells whether the file has come from `server`. */
  async #ask(server: DebuginfodServer, job: Job): Promise<boolean> {
    const { buildId } = job;
    const part = await this.#cache.createPart();
    try {
      this.#counts.requests++;
      const { signal } = this.#stop;
      const outcome = await download(server.url, buildId, part, {
        ...this.#options,
        ...{ signal, client: this.#client },
      });
      if (outcome.kind === "found") await this.#cache.keep(buildId, part.path, outcome);
      return this.#note(server, job, outcome);
    } finally {
      part.file.close();
      await Deno.remove(part.path).catch(() => undefined); // It is in its place.
    }
  }

  #note(server: DebuginfodServer, job: Job, outcome: Outcome): boolean {
    const { buildId } = job;
    if (outcome.kind === "no answer") server.silent();
    else server.answered();
    if ("reason" in outcome) server.trouble(buildId, outcome.reason);
    switch (outcome.kind) {
      case "found":
        this.#counts.bytes += outcome.size;
        logger.debug("Got the debug information of {buildId} from {server}: {size} bytes", {
          ...{ buildId, size: outcome.size },
          server: server.url.text,
        });
        this.#take(job);
        return true;
      case "no answer":
      case "failed":
        this.#counts.failed++;
        job.notBefore = performance.now() + backoffMs(++job.failures, this.#options.retry);
        return false;
      case "rejected":
        this.#counts.rejected++;
        job.refused = true;
        break;
      case "too large":
        this.#counts.tooLarge++;
        job.refused = true;
        break;
    }
    job.done.add(server);
    return false;
  }

  #take(job: Job): void {
    this.#counts.found++;
    this.#found.push(job.buildId);
    this.#rest(job, REST_MS);
  }

  #miss(job: Job, missMs: number): void {
    this.#counts.notFound++;
    const misses = (this.#resting.peek(job.buildId)?.misses ?? 0) + 1;
    this.#rest(job, missRetryMs(missMs, misses), misses);
  }

  #rest({ buildId }: Job, ms: number, misses = 0): void {
    this.#resting.set(buildId, { until: performance.now() + ms, misses });
  }

  #wait(job: Job, notBefore: number): void {
    job.notBefore = notBefore;
    if (this.#stop.signal.aborted) return;
    this.#waiting.set(job.buildId, job);
    this.#dropOldest();
  }

  /** Gives up a job, as the cache's folder cannot be used now. */
  #fail(job: Job, error: Error): void {
    this.#burst.warn("keep", `Cannot keep debug information of ${job.buildId}: ${error.message}`);
    this.#counts.failed++;
    this.#rest(job, REST_MS);
  }

  async #clean(): Promise<void> {
    const now = performance.now();
    if (now - this.#cleanedAt < CLEAN_EACH_MS) return;
    this.#cleanedAt = now;
    await this.#cache.clean();
  }
}
