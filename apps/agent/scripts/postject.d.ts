/** Types for the part of postject that is used here, because the package contains no types. */
declare module 'postject' {
  /** Embeds `data` in the executable at `path` as a resource with this name. */
  export function inject(
    path: string,
    resource: string,
    data: Buffer,
    options: { sentinelFuse: string },
  ): Promise<void>;
}
