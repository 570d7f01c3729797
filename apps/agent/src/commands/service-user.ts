import { readFile, stat } from 'node:fs/promises';
import type { EngineAddress } from '../engine/address.js';
import { queryStatus } from '../status-socket.js';

/** The unit that `install.sh` writes. It can add groups to its user. */
const UNIT_PATH = '/etc/systemd/system/muster-agent.service';

/**
 * Checks whether the agent's own user may use the engine's socket. The check is needed only if root runs this command,
 * because root may use every socket. If the state directory belongs to another user who may not use the socket, returns
 * what to do. Returns null in all other cases, and if a running agent shows that the socket can be used.
 */
export async function checkServiceUser(stateDir: string, address: EngineAddress): Promise<string | null> {
  if (address.kind !== 'unix' || process.getuid?.() !== 0) return null;
  const { uid } = await stat(stateDir).catch(() => ({ uid: 0 }));
  if (uid === 0) return null;
  const running = await queryStatus(stateDir);
  if (running?.engineError === null) return null;
  const [user, socket, groups] = await Promise.all([findUser(uid), stat(address.socketPath), readGroups('/etc/group')]);
  const unit = await readFile(UNIT_PATH, 'utf8').catch(() => '');
  const socketGroup = groups.find(({ gid }) => gid === socket.gid);
  const isInGroup =
    user?.gid === socket.gid ||
    (socketGroup?.members.includes(user?.name ?? '') ?? false) ||
    unitAddsGroup(unit, { gid: socket.gid, name: socketGroup?.name ?? null });
  // Connecting to a socket requires write permission.
  const writeBit = socket.uid === uid ? 0o200 : isInGroup ? 0o020 : 0o002;
  if ((socket.mode & writeBit) !== 0) return null;
  const name = user?.name ?? `#${uid}`;
  const groupName = socketGroup?.name ?? String(socket.gid);
  return (
    `this check ran as root, but ${name}, who owns ${stateDir}, may not use the socket: it belongs to the group ` +
    `${groupName} and has mode ${(socket.mode & 0o777).toString(8)}. Add ${name} to that group ` +
    `(usermod -aG ${groupName} ${name}), and check again with: sudo -u ${name} muster-agent doctor`
  );
}

const readFields = async (path: string): Promise<string[][]> =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));

async function findUser(uid: number): Promise<{ name: string; gid: number } | null> {
  const fields = (await readFields('/etc/passwd')).find(([, , id]) => id === String(uid));
  return fields === undefined ? null : { name: fields[0]!, gid: Number(fields[3]) };
}

const readGroups = async (path: string): Promise<{ name: string; gid: number; members: string[] }[]> =>
  (await readFields(path)).map(([name = '', , gid, members = '']) => ({
    name,
    gid: Number(gid),
    members: members.split(','),
  }));

/**
 * Returns whether a systemd unit adds this group to its user. A unit contains either the name of the group or its ID.
 */
export const unitAddsGroup = (unit: string, { gid, name }: { gid: number; name: string | null }): boolean =>
  [...unit.matchAll(/^SupplementaryGroups=(.*)$/gm)]
    .flatMap(([, groups]) => groups!.trim().split(/\s+/))
    .some((group) => group === name || group === String(gid));
