// SPDX-License-Identifier: Apache-2.0
/**
 * Makes the aggregator's HTTP side as one function from request to response.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Counter, Histogram, type Registry } from "prom-client";
import type { RequestInfo } from "../../common/serve_http.ts";
import { tokenOf } from "../access/access.ts";
import { Audit } from "../access/audit.ts";
import type { Principal } from "../access/tokens.ts";
import { foreignRoutes } from "../interop/routes.ts";
import { alertRoutes } from "./alert_routes.ts";
import { HttpError } from "./errors.ts";
import { compilerRoutes } from "./compiler_routes.ts";
import { exportRoutes } from "./export_routes.ts";
import { loginForm, pageRoutes } from "./page_routes.ts";
import { overviewRoutes } from "./overview_routes.ts";
import { type Problem, problemOf } from "./problem.ts";
import { profileRoutes } from "./profile_routes.ts";
import { errorReply, type Reply, respond } from "./reply.ts";
import { findRoute, type Route } from "./route.ts";
import { credentialsOf, isForged, isLocalName } from "./session.ts";
import { statusRoutes } from "./status_routes.ts";
import { symbolRoutes } from "./symbol_routes.ts";
import type { Turns } from "../turns.ts";
import { defaultTurns, type TurnName } from "./turns.ts";
import { viewerRoutes } from "./viewer_routes.ts";
import { waitRoutes } from "./wait_routes.ts";
import type { HandlerOptions } from "./types.ts";

/** Returns all routes of the aggregator. */
export function routeTable(options: HandlerOptions): Route[] {
  return [
    ...statusRoutes(options),
    ...profileRoutes(options),
    ...overviewRoutes(options),
    ...waitRoutes(options),
    ...exportRoutes(options),
    ...alertRoutes(options),
    ...viewerRoutes(options),
    ...compilerRoutes(options),
    ...foreignRoutes(options),
    ...symbolRoutes(options),
    ...pageRoutes(options.page, options.access),
  ];
}

/**
 * Creates the handler of all requests. It never rejects: what goes wrong is a response.
 *
 * Metrics of its own (`aperture_http_requests_total`, `aperture_http_request_duration_seconds`) are added to
 * the registry.
 */
export function createHandler(
  options: HandlerOptions,
): (request: Request, info?: RequestInfo) => Promise<Response> {
  const routes = routeTable(options);
  const turns = options.turns ?? defaultTurns();
  const audit = new Audit();
  const measure = requestMetrics(options.metrics);
  return async (request, info = UNKNOWN) => {
    const started = performance.now();
    const url = new URL(request.url);
    const found = findRoute(routes, { method: request.method, path: url.pathname });
    const reply = await dispatch(request, { url, found, options, turns, audit, info });
    const response = await respond(request, reply).catch((error) => respond(request, tell(problemOf(error))));
    measure(found && "route" in found ? found.route.path : "none", {
      method: request.method,
      status: response.status,
      seconds: (performance.now() - started) / 1000,
    });
    return response;
  };
}

/** Stands for a request that came by no connection. */
const UNKNOWN: RequestInfo = { remoteAddress: "", answered: Promise.resolve() };

interface Dispatch {
  readonly url: URL;
  readonly found: ReturnType<typeof findRoute>;
  readonly options: HandlerOptions;
  readonly turns: Readonly<Record<TurnName, Turns>>;
  readonly audit: Audit;
  readonly info: RequestInfo;
}

async function dispatch(request: Request, given: Dispatch): Promise<Reply> {
  const { url, found, options, turns, audit, info } = given;
  const answer = (found && "route" in found && found.route.foreign?.tell) || tell;
  const caller = await letIn(request, given);
  if ("page" in caller) return caller.page;
  if ("refusal" in caller) return answer(caller.refusal);
  if (!found) {
    return tell({
      status: STATUS_CODE.NotFound,
      code: "not_found",
      message: `No such path: ${url.pathname}`,
    });
  }
  if ("allow" in found) {
    const allow = found.allow.join(", ");
    return tell({
      status: STATUS_CODE.MethodNotAllowed,
      code: "method_not_allowed",
      message: `Cannot ${request.method} ${url.pathname}: it takes ${allow}`,
      headers: { allow },
    });
  }
  const { route } = found;
  using time = requestTime(
    request,
    route.foreign?.timeoutMs ?? route.timeoutMs ?? options.queryTimeout ?? 30_000,
  );
  let turn: Disposable | undefined;
  try {
    turn = route.turn && await turns[route.turn].take(time.signal);
    const address = info.remoteAddress;
    const reply = await route.handle({ request, url, signal: time.signal, address });
    const { change } = reply;
    if (change) audit.changed(change.by ?? caller.principal, { what: change.what, address });
    return reply;
  } catch (error) {
    if (!time.isOver) return answer(problemOf(error, { gone: request.signal.aborted }));
    const message = "The query took too long: ask for less time or fewer series";
    return answer(problemOf(new HttpError(STATUS_CODE.GatewayTimeout, message, { cause: error })));
  } finally {
    // Its answer is in memory until then.
    void info.answered.finally(() => turn?.[Symbol.dispose]());
  }
}

/** Answers a problem in the one form that all errors of ours have. */
function tell({ status, ...problem }: Problem): Reply {
  return errorReply(status, problem);
}

/** Is who was let in, where tokens are set; or what they are told who were not. */
type LetIn =
  | { readonly principal: Principal | undefined }
  | { readonly refusal: Problem }
  | { readonly page: Reply };

/** Finds out who asks, and refuses who may not, or not from there. */
async function letIn(
  request: Request,
  { url, found, options, audit, info }: Omit<Dispatch, "turns">,
): Promise<LetIn> {
  const { access, allowedHosts = [] } = options;
  const route = found && "route" in found ? found.route : undefined;
  const call = {
    what: `${request.method} ${route?.path ?? "another path"}`,
    address: info.remoteAddress,
  };
  const forbidden = (message: string) => ({
    refusal: { status: STATUS_CODE.Forbidden, code: "forbidden", message },
  });
  // What a proxy passes on of its own users, cookies among it, is nothing to what others have set the form of.
  const cookies = !route?.foreign;
  if (isForged(request, url, { cookies })) {
    audit.refused(call, "as it comes from a page of another site");
    return forbidden("Cannot do this for a page of another site");
  }
  const needs = route?.access ?? "token";
  if (needs === "open") return { principal: undefined };
  if (!access) {
    if (isLocalName(url.hostname, allowedHosts)) return { principal: undefined };
    audit.refused(call, "which asked by a name that is not allowed without a token");
    return forbidden(
      "Cannot answer by this name without a token: name it in APERTURE_ALLOWED_HOSTS, or set a token",
    );
  }
  const credentials = cookies
    ? credentialsOf(request)
    : { token: tokenOf(request.headers.get("authorization") ?? "") };
  const scope = needs === "token" ? "read" : needs;
  const decision = await access.decide(credentials, { scope, ...call });
  if (decision.admitted) return decision;
  if (decision.reason === "unauthenticated") return challenge(url, options);
  return forbidden("The token has not the scope for this");
}

/** Returns what who has no token gets: the form at the page's place, an error elsewhere. */
function challenge(url: URL, { page }: HandlerOptions): LetIn {
  if (url.pathname === "/") return { page: loginForm(page, { search: url.search }) };
  return {
    refusal: {
      status: STATUS_CODE.Unauthorized,
      code: "unauthorized",
      message: "Missing or wrong token: send it as 'Authorization: Bearer TOKEN'",
      headers: { "www-authenticate": 'Bearer realm="aperture"' },
    },
  };
}

/** Returns a signal that aborts when the client goes or `timeout` ms are over. */
function requestTime(request: Request, timeout: number) {
  const controller = new AbortController();
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    controller.abort(new DOMException("The request's time is over", "TimeoutError"));
  }, timeout);
  const leave = () => controller.abort(request.signal.reason);
  if (request.signal.aborted) leave();
  request.signal.addEventListener("abort", leave, { once: true });
  return {
    signal: controller.signal,
    get isOver() {
      return isOver;
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      // Deno aborts a request's signal after each response too: that is not the client's leaving.
      request.signal.removeEventListener("abort", leave);
    },
  };
}

function requestMetrics(registry: Registry) {
  const total = new Counter({
    name: "aperture_http_requests_total",
    help: "HTTP requests by route, method and status",
    labelNames: ["route", "method", "status"],
    registers: [registry],
  });
  const duration = new Histogram({
    name: "aperture_http_request_duration_seconds",
    help: "Time from request to response by route",
    labelNames: ["route"],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 30],
    registers: [registry],
  });
  return (
    route: string,
    { method, status, seconds }: { method: string; status: number; seconds: number },
  ) => {
    // A client may send any method: only those that routes have become a label's value.
    const known = ["GET", "HEAD", "POST", "PUT", "DELETE"].includes(method) ? method : "other";
    total.inc({ route, method: known, status });
    duration.observe({ route }, seconds);
  };
}
