// The near end of a link (link.ts): the only process in its network namespace. Forwards connections on PORT to a Unix
// socket.
import { connect, createServer } from 'node:net';

const [port, socketPath] = process.argv.slice(2);
createServer((from) => {
  const to = connect(socketPath);
  from.pipe(to).pipe(from);
  from.on('error', () => to.destroy());
  to.on('error', () => from.destroy());
}).listen(Number(port), () => process.stdout.write('ready\n'));
