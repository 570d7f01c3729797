/** postject has no types of its own; this is what of it is used. */
declare module 'postject' {
  /** Puts `data` into the executable at `path` as the resource of this name. */
  export function inject(
    path: string,
    resource: string,
    data: Buffer,
    options: { sentinelFuse: string },
  ): Promise<void>;
}
