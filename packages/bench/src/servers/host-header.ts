/** Identifies the host to the servers that Muster is compared with. Muster identifies hosts by token instead. */
export const HOST_HEADER = 'bench-host-id';
