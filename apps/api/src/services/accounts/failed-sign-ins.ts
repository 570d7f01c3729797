import type { Database } from '@muster/db';
import { recordAudit } from '../audit/audit.js';
import { normalEmail } from './users.js';

/** A try to sign in, or to prove a password, that was refused. */
export interface FailedSignIn {
  /** Whose account it was for, as far as that is known. */
  account: { email: string } | { userId: string } | null;
  address: string;
  method: 'password' | 'identity provider' | 'password change';
}

export interface FailedSignIns {
  /**
   * Records a failure in the audit log of the account's organization, or of the first one where there is no such
   * account, which is not named there. Failures for one account, and those for all unknown ones, share an entry with
   * their count for `FAILURE_WINDOW_MS`, so that no one can fill the log or hide in it. The entry keeps its first
   * `ADDRESSES_MAX` addresses and the latest one.
   */
  record(failure: FailedSignIn): Promise<void>;
}

/** Milliseconds in which failures for one account are one entry of the audit log. Each process has its own. */
export const FAILURE_WINDOW_MS = 600_000;

/** Addresses that one entry keeps in addition to the latest. */
export const ADDRESSES_MAX = 20;

/** Windows to remember: an account's failures begin a new entry where it was forgotten before its time. */
const WINDOWS_MAX = 10_000;

/** Characters of the longest address: a proxy that is trusted may pass on something else. */
const ADDRESS_LENGTH_MAX = 45;

interface Window {
  openedMs: number;
  entry: Promise<bigint>;
  /** Settles when the last failure is recorded. The next one waits for it here, not for the row with a connection. */
  recorded: Promise<unknown>;
}

/** `elapsedMs` is a clock that is never set. */
export function createFailedSignIns(
  { prisma }: Pick<Database, 'prisma'>,
  { now, elapsedMs }: { now: () => Date; elapsedMs: () => number },
): FailedSignIns {
  /** In the order in which they were opened. */
  const windows = new Map<string, Window>();

  function forgetOldWindows(): void {
    for (const [key, { openedMs }] of windows) {
      if (elapsedMs() - openedMs < FAILURE_WINDOW_MS && windows.size < WINDOWS_MAX) return;
      windows.delete(key);
    }
  }

  async function addFailure(entryId: bigint, address: string, method: FailedSignIn['method']): Promise<void> {
    const more = JSON.stringify({ address, method });
    await prisma.$executeRaw`
      UPDATE audit_entries
      SET details = details || ${more}::jsonb || jsonb_build_object(
        'count', (details->>'count')::int + 1,
        'addresses', CASE
          WHEN details->'addresses' @> to_jsonb(${address}::text)
            OR jsonb_array_length(details->'addresses') >= ${ADDRESSES_MAX} THEN details->'addresses'
          ELSE details->'addresses' || to_jsonb(${address}::text)
        END)
      WHERE id = ${entryId}`;
  }

  return {
    async record({ account, address: sent, method }) {
      const address = sent.slice(0, ADDRESS_LENGTH_MAX);
      const where =
        account === null ? null : 'email' in account ? { user: { email: normalEmail(account.email) } } : account;
      // The same statements whether or not there is such an account, so that the time does not tell.
      const member = where === null ? null : await prisma.member.findFirst({ where });
      const first = await prisma.organization.findFirst({ orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] });
      const organizationId = member?.organizationId ?? first?.id;
      if (organizationId === undefined) return;

      forgetOldWindows();
      const target = member === null ? 'system' : `user:${member.userId}`;
      const open = windows.get(target);
      if (open !== undefined) {
        const recorded = open.recorded.then(async () => addFailure(await open.entry, address, method));
        open.recorded = recorded.catch(() => undefined);
        await recorded;
        return;
      }
      const details = { address, method, count: 1, addresses: [address] };
      const action = 'user.sign_in_failed';
      const fact = { organizationId, at: now(), actor: 'system', action, target, details } as const;
      const entry = recordAudit(prisma, fact).then(({ id }) => id);
      windows.set(target, { openedMs: elapsedMs(), entry, recorded: Promise.resolve() });
      try {
        await entry;
      } catch (error) {
        windows.delete(target);
        throw error;
      }
    },
  };
}
