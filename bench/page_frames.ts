// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Measures a page's frames, in the page: each step does something as a person would, and is worth its longest frame.
 *
 * @module
 */

import type { Page } from "playwright-core";

export const ACTIONS = ["rest", "pan", "zoom", "hover", "search"] as const;
export type Action = (typeof ACTIONS)[number];

/** Is a page that shows the graph, and how it is used: what it is done by are scripts, in which `i` counts the steps. */
export interface Viewer {
  readonly name: string;
  readonly url: string;
  /** Is the page's size with which the graph's part of it is as large as in the others, in CSS pixels. */
  readonly viewport: { readonly width: number; readonly height: number };
  /** Is done once, when the page is there. */
  readonly open?: (page: Page) => Promise<void>;
  /** Is true when the graph is drawn. */
  readonly isDrawn: string;
  /** Shows the whole graph, where an action leaves a part of it. */
  readonly reset?: string;
  readonly actions: Readonly<Record<Exclude<Action, "rest">, string>>;
}

/** Holds how many times an action is done, and how long each is watched at least, in ms. */
const STEPS: Readonly<Record<Action, { readonly steps: number; readonly ms: number }>> = {
  // Frames of a page where nothing happens are what the browser and the machine allow.
  rest: { steps: 24, ms: 0 },
  pan: { steps: 40, ms: 0 },
  zoom: { steps: 24, ms: 60 },
  hover: { steps: 40, ms: 0 },
  // Some wait for a pause in what is typed.
  search: { steps: 12, ms: 400 },
};
/** An action ends after so long, whatever it has done by then: a slow one says the same in fewer steps. In ms. */
const MOST_MS = 6000;
/** What an action left to be done is no part of the next. In ms. */
const REST_MS = 500;

/** Holds the frame times of an action's steps, in ms. */
export interface FrameTimes {
  readonly p50: number;
  readonly p95: number;
}

/** Returns the frame times of each action. */
export async function frameTimes(page: Page, viewer: Viewer): Promise<Record<Action, FrameTimes>> {
  await page.goto(viewer.url);
  await viewer.open?.(page);
  await page.waitForFunction(viewer.isDrawn);
  const times = {} as Record<Action, FrameTimes>;
  for (const action of ACTIONS) {
    if (viewer.reset !== undefined) await page.evaluate(viewer.reset);
    await page.waitForTimeout(REST_MS);
    const frames = await page.evaluate(framesOf, {
      ...STEPS[action],
      most: MOST_MS,
      script: action === "rest" ? "" : viewer.actions[action],
    });
    frames.sort((a, b) => a - b);
    const at = (part: number) => frames[Math.ceil(frames.length * part) - 1]!;
    times[action] = { p50: at(0.5), p95: at(0.95) };
  }
  return times;
}

/** Runs in the page. Some steps need several frames: work that is put off shows in the frames after. */
async function framesOf(
  { script, steps, ms, most }: { script: string; steps: number; ms: number; most: number },
) {
  const act = new Function("i", script);
  const frame = () => new Promise<number>((done) => requestAnimationFrame(() => done(performance.now())));
  const longest: number[] = [];
  const end = performance.now() + most;
  for (let i = 0; i < steps && (i === 0 || performance.now() < end); i++) {
    const begin = await frame();
    act(i);
    let frameMs = 0;
    let before = begin;
    for (let count = 0; count < 4 || before - begin < ms; count++) {
      const now = await frame();
      frameMs = Math.max(frameMs, now - before);
      before = now;
    }
    longest.push(frameMs);
  }
  return longest;
}
