/**
 * Forwards connections: `node relay.js FROM TO`. Each argument is the path of a Unix socket or HOST:PORT. Prints the
 * port on which the relay listens. Two relays, one in each of two network namespaces, can connect the namespaces
 * through a Unix socket.
 */
import { connect, createServer } from 'node:net';

/** Returns the options for `listen` and `connect`. */
function parse(address) {
  const [, host, port] = /^([\d.]+):(\d+)$/.exec(address) ?? [];
  return host === undefined ? { path: address } : { host, port: Number(port) };
}

const [from, to] = process.argv.slice(2).map(parse);
const server = createServer((near) => {
  const far = connect(to);
  near.pipe(far).pipe(near);
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
});
server.listen(from, () => console.log(server.address().port ?? 0));
