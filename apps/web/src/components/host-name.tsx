import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { createContext, use, type ReactNode } from 'react';
import { sharedNamesQuery } from '../lib/api/queries';
import { distinctionsOf } from '../lib/distinction';
import { toPlainText } from '../lib/plain-text';
import { IsolatedText } from './isolated-text';

const NO_DISTINCTIONS: ReadonlyMap<string, string> = new Map();

/**
 * The texts that distinguish hosts with the same name, by host id. They are in a context, so that each row of a table
 * can read its text quickly.
 */
const DistinctionsContext = createContext(NO_DISTINCTIONS);

/** Reads the hosts that share their name with others, for all `HostName`s below. */
export function DistinctionsProvider({ children }: { children: ReactNode }) {
  const { data } = useQuery({ ...sharedNamesQuery, select: distinctionsOf });
  return <DistinctionsContext value={data ?? NO_DISTINCTIONS}>{children}</DistinctionsContext>;
}

/**
 * Returns the text that distinguishes a host from others with the same name. The text is empty if no other host has its
 * name.
 */
export const useDistinction = (hostId: string): string => use(DistinctionsContext).get(hostId) ?? '';

/** The name of a host, with a distinguishing text if other hosts have the same name. */
export function HostName({ id, name }: { id: string; name: string }) {
  const distinction = useDistinction(id);
  return (
    <>
      <IsolatedText text={name} />
      {distinction !== '' && (
        <span className="soft host-distinction">
          {' '}
          <IsolatedText text={`(${distinction})`} />
        </span>
      )}
    </>
  );
}

/** A link to the page of a host, with its name as in `HostName`. */
export function HostLink({ id, name, className }: { id: string; name: string; className?: string }) {
  const distinction = useDistinction(id);
  return (
    <Link
      to="/hosts/$hostId"
      params={{ hostId: id }}
      className={className}
      title={toPlainText(distinction === '' ? name : `${name} (${distinction})`)}
    >
      <HostName id={id} name={name} />
    </Link>
  );
}
