import type { StreamMessage } from '@muster/contracts';
import { useQueryClient } from '@tanstack/react-query';
import { createContext, use, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from 'react';
import { applyMessage } from './apply-message';
import { api } from './client';
import { connectLive, type LiveConnection, type LiveState } from './live-connection';
import { FLEET_KEYS } from './queries';
import { refresh, refreshOlderThan } from './refresh';

/** Period whose changes cause a single refresh, in milliseconds. */
const REFRESH_INTERVAL_MS = 2_000;

/** Interval at which the data on the screen is refetched while the stream is lost or lagging, in milliseconds. */
const POLL_INTERVAL_MS = 10_000;

/**
 * The age at which data on the screen is refetched without a stream message, and the interval at which ages are
 * checked. Together, the two keep data at most 30 s old even if the stream fails silently.
 */
const AGE_MS_MAX = 22_000;
const AGE_CHECK_INTERVAL_MS = 5_000;

const LiveContext = createContext<LiveConnection | null>(null);

/** Keeps the query cache up to date from the live stream, and provides the connection's state to its children. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [live, setLive] = useState<LiveConnection | null>(null);

  useEffect(() => {
    const due = new Map<string, readonly string[]>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refreshSoon = (key: readonly string[]): void => {
      due.set(key.join(), key);
      timer ??= setTimeout(() => {
        timer = undefined;
        for (const queryKey of due.values()) refresh(client, queryKey);
        due.clear();
      }, REFRESH_INTERVAL_MS);
    };
    const onMessage = (message: StreamMessage): void => applyMessage(client, message, refreshSoon);
    const connection = connectLive(api, { onMessage, onGap: () => refresh(client) });
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the connection is opened by the effect that closes it
    setLive(connection);
    const poll = setInterval(() => {
      const { kind } = connection.state();
      if ((kind === 'lost' || kind === 'lagging') && !document.hidden) refresh(client);
    }, POLL_INTERVAL_MS);
    const refreshOld = (): void => {
      if (connection.state().kind !== 'ended' && !document.hidden) refreshOlderThan(client, FLEET_KEYS, AGE_MS_MAX);
    };
    const ageCheck = setInterval(refreshOld, AGE_CHECK_INTERVAL_MS);
    document.addEventListener('visibilitychange', refreshOld);
    return () => {
      clearTimeout(timer);
      clearInterval(poll);
      clearInterval(ageCheck);
      document.removeEventListener('visibilitychange', refreshOld);
      connection.close();
    };
  }, [client]);

  return <LiveContext value={live}>{children}</LiveContext>;
}

const CONNECTING: LiveState = { kind: 'connecting' };
const nothing = (): void => undefined;

/** Returns the state of the live stream. */
export function useLiveState(): LiveState {
  const live = use(LiveContext);
  const store = useMemo(
    () => ({
      subscribe: (onChange: () => void) => live?.subscribe(onChange) ?? nothing,
      state: () => live?.state() ?? CONNECTING,
    }),
    [live],
  );
  return useSyncExternalStore(store.subscribe, store.state);
}
