/**
 * The header that names the host in requests to the servers of express.ts. Muster identifies a host by its token
 * instead.
 */
export const HOST_HEADER = 'bench-host-id';
