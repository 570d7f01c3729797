import type { Database } from '@muster/db';
import { recordAuditEntry } from '../audit/index.js';
import { normalizeEmail } from './add-member.js';

/** A failed attempt to sign in or to confirm a password. */
export interface FailedSignIn {
  /** The account for which the attempt was made; null if it is unknown. */
  account: { email: string } | { userId: string } | null;
  address: string;
  method: 'password' | 'identity provider' | 'password change';
}

export interface FailedSignIns {
  /**
   * Records a failure in the audit log of the account's organization. If the account does not exist, uses the audit log
   * of the first organization, and the entry does not identify the account. All failures for one account within
   * `FAILURE_WINDOW_MS` share an entry with a count. All failures for unknown accounts also share one entry. An
   * attacker can therefore neither fill the log nor hide an attack among many entries. An entry contains the first
   * `ADDRESSES_MAX` client addresses and the latest one.
   */
  record(failure: FailedSignIn): Promise<void>;
}

/** Milliseconds for which failures for one account share an entry of the audit log. Each process has its own entry. */
export const FAILURE_WINDOW_MS = 600_000;

/** Maximum number of addresses that one entry contains in addition to the latest address. */
export const ADDRESSES_MAX = 20;

/**
 * Maximum number of windows in memory. A window is a period of `FAILURE_WINDOW_MS` for one account. If a window is
 * dropped early, the account's next failure starts a new window.
 */
const WINDOWS_MAX = 10_000;

/** Maximum stored length of an address, because a trusted proxy may forward a value that is not an address. */
const ADDRESS_LENGTH_MAX = 45;

interface Window {
  openedMs: number;
  entry: Promise<bigint>;
  /**
   * Settles when the last failure is recorded. The next failure waits for this promise, because waiting for the row's
   * lock in the database would occupy a connection.
   */
  lastRecording: Promise<unknown>;
}

/** Creates the recorder of failed sign-ins. `elapsedMs` returns the milliseconds of a monotonic clock. */
export function createFailedSignIns(
  { prisma }: Pick<Database, 'prisma'>,
  { now, elapsedMs }: { now: () => Date; elapsedMs: () => number },
): FailedSignIns {
  /** The windows by target, in the order in which they were opened. */
  const windows = new Map<string, Window>();

  function forgetOldWindows(): void {
    for (const [key, { openedMs }] of windows) {
      if (elapsedMs() - openedMs < FAILURE_WINDOW_MS && windows.size < WINDOWS_MAX) return;
      windows.delete(key);
    }
  }

  async function addFailure(entryId: bigint, address: string, method: FailedSignIn['method']): Promise<void> {
    const latestFailure = JSON.stringify({ address, method });
    await prisma.$executeRaw`
      UPDATE audit_entries
      SET details = details || ${latestFailure}::jsonb || jsonb_build_object(
        'count', (details->>'count')::int + 1,
        'addresses', CASE
          WHEN details->'addresses' @> to_jsonb(${address}::text)
            OR jsonb_array_length(details->'addresses') >= ${ADDRESSES_MAX} THEN details->'addresses'
          ELSE details->'addresses' || to_jsonb(${address}::text)
        END)
      WHERE id = ${entryId}`;
  }

  return {
    async record({ account, address: sentAddress, method }) {
      const address = sentAddress.slice(0, ADDRESS_LENGTH_MAX);
      const where =
        account === null ? null : 'email' in account ? { user: { email: normalizeEmail(account.email) } } : account;
      // These statements run even if the account does not exist, so that the response time does not reveal whether it
      // exists.
      const member = where === null ? null : await prisma.member.findFirst({ where });
      const first = await prisma.organization.findFirst({ orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
      const organizationId = member?.organizationId ?? first?.id;
      if (organizationId === undefined) return;

      forgetOldWindows();
      const target = member === null ? 'system' : `user:${member.userId}`;
      const openWindow = windows.get(target);
      if (openWindow !== undefined) {
        const lastRecording = openWindow.lastRecording.then(async () =>
          addFailure(await openWindow.entry, address, method),
        );
        openWindow.lastRecording = lastRecording.catch(() => undefined);
        await lastRecording;
        return;
      }
      const details = { address, method, count: 1, addresses: [address] };
      const action = 'user.sign_in_failed';
      const auditEntry = { organizationId, at: now(), actor: 'system', action, target, details } as const;
      const entry = recordAuditEntry(prisma, auditEntry).then(({ id }) => id);
      windows.set(target, { openedMs: elapsedMs(), entry, lastRecording: Promise.resolve() });
      try {
        await entry;
      } catch (error) {
        windows.delete(target);
        throw error;
      }
    },
  };
}
