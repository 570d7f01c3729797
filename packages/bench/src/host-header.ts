/** Names the sending host to the servers that Muster is compared with. Muster ignores it: it knows the token. */
export const HOST_HEADER = 'bench-host-id';
