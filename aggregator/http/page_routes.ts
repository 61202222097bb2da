// SPDX-License-Identifier: Apache-2.0
/**
 * Serves the page, its files and its session.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { Access } from "../access/access.ts";
import type { Principal } from "../access/tokens.ts";
import { readText } from "./body.ts";
import { HttpError } from "./errors.ts";
import type { Page } from "./page.ts";
import type { Reply } from "./reply.ts";
import type { Context, Route } from "./route.ts";
import { sessionCookie } from "./session.ts";

/** The form has a token and the query to return to. */
const MAX_FORM_BYTES = 16 * 1024;

/** Makes the routes of `page`; with `access`, those of its session too. */
export function pageRoutes(page: Page, access?: Access): Route[] {
  const files = [...page.files].map(([path, { type, ...bodies }]): Route => ({
    method: "GET",
    path,
    // What is no secret (the code is public) is open, so that the form looks like the page.
    access: path === "/" ? "token" : "open",
    handle: () => ({ headers: { "content-type": type }, ...bodies, revalidate: true }),
  }));
  return [
    ...files,
    { method: "POST", path: "/login", access: "open", handle: (context) => login(context, page, access) },
  ];
}

/** Returns the form that asks for the token; `search` is the page's query to return to. */
export function loginForm(page: Page, { search, error = "" }: { search: string; error?: string }): Reply {
  return {
    status: STATUS_CODE.Unauthorized,
    headers: { "content-type": "text/html; charset=utf-8" },
    body: page.login.replace("__NEXT__", () => escapeHtml(search)).replace(
      "__ERROR__",
      () => escapeHtml(error),
    ),
  };
}

async function login({ request, url, address }: Context, page: Page, access?: Access): Promise<Reply> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    throw new HttpError(
      STATUS_CODE.UnsupportedMediaType,
      `Cannot read a form that is not application/x-www-form-urlencoded: current type is "${type}"`,
    );
  }
  const form = new URLSearchParams(await readText(request, MAX_FORM_BYTES));
  const next = form.get("next") ?? "";
  // Only the page's own query: a form cannot send a browser elsewhere.
  const search = next.startsWith("?") ? next : "";
  const token = (form.get("token") ?? "").trim();
  let by: Principal | undefined;
  if (access) {
    const decision = await access.decide({ token }, { scope: "read", address, what: "the page" });
    if (!decision.admitted) return loginForm(page, { search, error: "That is not the token" });
    by = decision.principal;
  }
  const location = "/" + (search && "?" + new URLSearchParams(search));
  const session = access?.sessionOf(token);
  const cookie = session !== undefined &&
    { "set-cookie": sessionCookie(session, { secure: isSecure(request, url) }) };
  return {
    status: STATUS_CODE.SeeOther,
    headers: { location, ...cookie },
    ...by && { change: { what: "signed in", by } },
  };
}

/** Returns whether the browser came by https, to this server or to the proxy before it. */
function isSecure(request: Request, url: URL): boolean {
  return url.protocol === "https:" || request.headers.get("x-forwarded-proto") === "https";
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
