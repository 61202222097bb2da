// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Keeps what one person likes, in the browser: the theme, the zone of times, and whether details are shown.
 *
 * @module
 */

import type { Theme } from "../flame/colors.ts";
import type { Zone } from "../state/range.ts";
import { h } from "./dom.ts";

const KEY = "aperture";

interface Kept {
  theme: "auto" | Theme;
  zone: Zone;
  panel: boolean;
}

export class Preferences {
  readonly buttons: readonly HTMLButtonElement[];
  readonly #kept: Kept;
  readonly #changed: () => void;
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");

  /** @param changed is told when something is to be drawn anew */
  constructor(changed: () => void) {
    this.#changed = changed;
    this.#kept = { theme: "auto", zone: "utc", panel: true, ...read() };
    const theme = h("button", {
      title: "Light, dark, or as the system",
      onclick: () =>
        this.#set("theme", ({ auto: "light", light: "dark", dark: "auto" } as const)[this.#kept.theme]),
    });
    const zone = h("button", {
      title: "Times in UTC, or as this machine's clock",
      onclick: () => this.#set("zone", this.#kept.zone === "utc" ? "local" : "utc"),
    });
    this.buttons = [zone, theme];
    this.#dark.addEventListener("change", () => this.#apply());
    this.#apply(false);
  }

  get theme(): Theme {
    if (this.#kept.theme !== "auto") return this.#kept.theme;
    return this.#dark.matches ? "dark" : "light";
  }

  get zone(): Zone {
    return this.#kept.zone;
  }

  get panel(): boolean {
    return this.#kept.panel;
  }

  togglePanel(): void {
    this.#set("panel", !this.#kept.panel);
  }

  #set<K extends keyof Kept>(name: K, value: Kept[K]): void {
    this.#kept[name] = value;
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#kept));
    } catch {
      // Some browsers keep nothing; it lasts as long as the page then.
    }
    this.#apply();
  }

  #apply(tell = true): void {
    const [zone, theme] = this.buttons;
    document.documentElement.dataset["theme"] = this.#kept.theme;
    const names = { auto: "Auto", light: "Light", dark: "Dark" };
    theme!.textContent = names[this.#kept.theme];
    theme!.setAttribute("aria-label", `Theme: ${names[this.#kept.theme]}`);
    zone!.textContent = this.#kept.zone === "utc" ? "UTC" : "Local";
    zone!.setAttribute("aria-label", `Times: ${zone!.textContent}`);
    if (tell) this.#changed();
  }
}

function read(): Partial<Kept> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}
