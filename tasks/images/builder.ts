// SPDX-License-Identifier: Apache-2.0
/**
 * Builds images with buildah where no registry can be reached: Debian's base is made by debootstrap and Deno's from the
 * program that runs this, under the names that the Dockerfiles ask for.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { logged, output } from "./commands.ts";

export const DEBIAN = "docker.io/library/debian:bookworm-slim";
export const DENO = "docker.io/denoland/deno:bin-2.9.3";

/** Holds what an image says of itself. */
export interface ImageConfig {
  readonly User?: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Volumes?: Readonly<Record<string, unknown>>;
  readonly Labels: Readonly<Record<string, string>>;
}

/** Images in a folder of their own. */
export class Builder {
  readonly #folder: string;

  /** @param folder holds the storage, the logs and the tree of the Debian base */
  constructor(folder: string) {
    this.#folder = folder;
  }

  #args(args: readonly string[]): string[] {
    return [`--root=${this.#folder}/storage`, `--runroot=${this.#folder}/run`, ...args];
  }

  buildah(...args: string[]): Promise<string> {
    return output("buildah", this.#args(args));
  }

  /** Commits the two bases under the names of the Dockerfiles. */
  async commitBases(): Promise<void> {
    const tree = `${this.#folder}/bookworm`;
    if (!existsSync(`${tree}/complete`)) {
      await Deno.remove(tree, { recursive: true }).catch(() => {});
      const args = ["--variant=minbase", "bookworm", tree];
      await logged("debootstrap", args, `${this.#folder}/debootstrap.log`);
      await output("find", [`${tree}/var/cache/apt/archives`, "-name", "*.deb", "-delete"]);
      await Deno.writeTextFile(`${tree}/complete`, "");
    }
    await this.#commit(DEBIAN, async (container) => {
      await this.buildah("add", "--quiet", container, tree, "/");
      // Where the registries' certificates are signed by an authority of one's own, a build must know it, too.
      const authorities = Deno.env.get("NODE_EXTRA_CA_CERTS");
      if (authorities === undefined) return;
      const path = "/usr/local/share/build-authorities.crt";
      await this.buildah("add", "--quiet", container, authorities, path);
      await this.buildah("config", `--env=DENO_CERT=${path}`, container);
    });
    await this.#commit(DENO, async (container) => {
      await this.buildah("add", "--quiet", container, Deno.execPath(), "/deno");
    });
  }

  async #commit(image: string, fill: (container: string) => Promise<void>): Promise<void> {
    const container = await this.buildah("from", "scratch");
    await fill(container);
    await this.buildah("commit", "--quiet", "--rm", container, image);
  }

  /** Builds `dockerfile`, which lies in this folder, as `image`. */
  async build(image: string, dockerfile: string, buildArgs: readonly string[] = []): Promise<void> {
    const args = [
      "bud",
      "--pull-never",
      "--format=docker",
      "--isolation=chroot",
      "--layers=false",
      ...buildArgs.map((arg) => `--build-arg=${arg}`),
      `--file=${dockerfile}`,
      `--tag=${image}`,
      ".",
    ];
    await logged("buildah", this.#args(args), `${this.#folder}/${image.replaceAll(/\W/g, "_")}.log`);
  }

  /** Returns the size of all files in `image`, as they lie unpacked: `142 MB`. */
  async size(image: string): Promise<string> {
    const images = JSON.parse(await this.buildah("images", "--json", image)) as { size: string }[];
    return images[0]!.size;
  }

  /** Returns what `image` says of itself. */
  async config(image: string): Promise<ImageConfig> {
    const said = JSON.parse(await this.buildah("inspect", "--type=image", image)) as {
      OCIv1: { config: ImageConfig };
    };
    return said.OCIv1.config;
  }

  /** Lays `image` out in a folder, writable, until it is disposed of. */
  async mount(image: string): Promise<{ path: string } & AsyncDisposable> {
    const container = await this.buildah("from", "--pull-never", image);
    const path = await this.buildah("mount", container);
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        await this.buildah("umount", container);
        await this.buildah("rm", container);
      },
    };
  }

  /** Removes all images; the tree of the base stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.buildah("rm", "--all");
    await this.buildah("rmi", "--all", "--force");
    for (const part of ["storage", "run"]) {
      await Deno.remove(`${this.#folder}/${part}`, { recursive: true }).catch(() => {});
    }
  }
}
