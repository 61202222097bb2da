// SPDX-License-Identifier: Apache-2.0

/// <reference lib="dom" />
/**
 * Chooses a kind, of those that the selection has.
 *
 * @module
 */

import { KINDS } from "../../../profile/model.ts";
import {
  type AnyKind,
  isAnyKind,
  isProfileType,
  type ProfileType,
  unitOf,
} from "../../../profile/profile_type.ts";
import type { KindsJson } from "../../http/answers.ts";
import { selectionParams } from "../state/api.ts";
import type { Shown } from "../state/store.ts";
import type { App } from "./app.ts";
import { h } from "./dom.ts";
import { kindText } from "./kind_words.ts";
import { Part } from "./part.ts";

export interface KindSelectOptions {
  /** Offers what agents watch, too, whether there is any or not. */
  readonly withOwn: boolean;
  /** Is told of the types of profiles that there are, when the answer is there. */
  readonly ontypes?: (types: readonly ProfileType[]) => void;
}

/** Is a list of kinds, which asks for what there is. */
export class KindSelect {
  readonly root: HTMLElement;
  readonly #app: App;
  readonly #options: KindSelectOptions;
  readonly #select = h("select", { "aria-label": "Kind" });
  readonly #part: Part<KindsJson>;

  constructor(app: App, options: KindSelectOptions) {
    this.#app = app;
    this.#options = options;
    this.#select.addEventListener("change", () => {
      const { value } = this.#select;
      if (isAnyKind(value)) app.store.set({ kind: value, zoom: "" });
    });
    this.root = h("span", { class: "kinds" }, this.#select);
    this.#part = new Part<KindsJson>({
      root: this.root,
      draw: (answer) => {
        const types = typesIn(answer);
        this.#show(types);
        options.ontypes?.(types);
      },
    });
    this.#show([]);
  }

  /** Asks for the kinds of the selection, whose types may take a while; what is chosen can be seen before. */
  update({ state, window }: Shown): void {
    const params = selectionParams({ window, match: state.match });
    this.#show(typesIn(this.#part.answer));
    this.#part.ask(String(params), (signal) => this.#app.api.get<KindsJson>("/api/kinds", params, signal));
  }

  stop(): void {
    this.#part.stop();
  }

  /** Shows `types`, and what is chosen where it is none of them: of another time, or by an address. */
  #show(types: readonly ProfileType[]): void {
    const { kind } = this.#app.store.state;
    const own: readonly AnyKind[] = this.#options.withOwn ? KINDS : [];
    const isMissing = isProfileType(kind) && !types.includes(kind);
    const all = [...own, ...types, ...(isMissing ? [kind] : [])];
    this.#select.replaceChildren(...all.map((value) => {
      const text = isProfileType(value) ? `${kindText(value)} · ${unitOf(value)}` : kindText(value);
      return h("option", { value, title: value }, text);
    }));
    this.#select.disabled = all.length === 0;
    this.#select.value = kind;
  }
}

function typesIn(answer: KindsJson | undefined): ProfileType[] {
  return (answer?.kinds ?? []).map(({ kind }) => kind).filter(isProfileType);
}
