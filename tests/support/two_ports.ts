// SPDX-License-Identifier: Apache-2.0
/**
 * Both ports of an aggregator without its storage, with bounds so wide that descriptors run out first; prints their
 * numbers as JSON and ends with its input.
 *
 * @module
 */

import { StagingBuffer } from "../../aggregator/buffer/staging_buffer.ts";
import { IngestServer } from "../../aggregator/ingest/server.ts";
import { serveHttp } from "../../common/serve_http.ts";
import { fleet } from "./fleet.ts";
import { FleetQueries } from "./fleet_queries.ts";

const listen = { hostname: "127.0.0.1", port: 0 };
const limits = { connections: 10_000, perAddress: 10_000 };
await using buffer = await StagingBuffer.open();
await using http = serveHttp({ listen, limits, handler: () => Promise.resolve(new Response("ok")) });
const queries = new FleetQueries(fleet());
await using ingest = IngestServer.start({ buffer, queries, listen, connections: limits });
const ports = { http: http.address.port, grpc: ingest.address.port };
await Deno.stdout.write(new TextEncoder().encode(`${JSON.stringify(ports)}\n`));
await Deno.stdin.read(new Uint8Array(1));
