import type { StreamMessage } from '@muster/contracts';
import { useQueryClient } from '@tanstack/react-query';
import { createContext, use, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from 'react';
import { applyMessages } from './apply-message';
import { api } from './client';
import { connectShared } from './connect-shared';
import { isPolling, type LiveConnection, type LiveState } from './live-connection';
import { FLEET_TOPICS } from './queries';
import { createRefreshSchedule, refresh, refreshOlderThan } from './refresh';

/** Period for which messages are collected and then applied together, in milliseconds. */
const APPLY_INTERVAL_MS = 200;

/** Interval at which the data on the screen is refetched while changes arrive late or not at all, in milliseconds. */
const POLL_INTERVAL_MS = 10_000;

/**
 * Age at which data on the screen is refetched without a stream message, in milliseconds. Together with the
 * check interval, it keeps data at most 30 s old even if the stream fails silently.
 */
const AGE_MS_MAX = 22_000;

/** Interval at which the age of the data on the screen is checked, in milliseconds. */
const AGE_CHECK_INTERVAL_MS = 5_000;

const LiveContext = createContext<LiveConnection | null>(null);

/** Keeps the query cache up to date from the live stream, and provides the connection's state to its children. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [liveConnection, setLiveConnection] = useState<LiveConnection | null>(null);

  useEffect(() => {
    const schedule = createRefreshSchedule(client);
    const received: StreamMessage[] = [];
    let applyTimer: ReturnType<typeof setTimeout> | undefined;
    const onMessage = (message: StreamMessage): void => {
      received.push(message);
      applyTimer ??= setTimeout(() => {
        applyTimer = undefined;
        applyMessages(client, received.splice(0), schedule.add);
      }, APPLY_INTERVAL_MS);
    };
    const connection = connectShared(api, { onMessage, onGap: () => refresh(client) });
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the connection is opened by the effect that closes it
    setLiveConnection(connection);
    const pollTimer = setInterval(() => {
      if (isPolling(connection.state()) && !document.hidden) refresh(client);
    }, POLL_INTERVAL_MS);
    const refreshOldData = (): void => {
      if (connection.state().kind !== 'ended' && !document.hidden) refreshOlderThan(client, FLEET_TOPICS, AGE_MS_MAX);
    };
    const ageCheckTimer = setInterval(refreshOldData, AGE_CHECK_INTERVAL_MS);
    document.addEventListener('visibilitychange', refreshOldData);
    return () => {
      clearTimeout(applyTimer);
      schedule.clear();
      clearInterval(pollTimer);
      clearInterval(ageCheckTimer);
      document.removeEventListener('visibilitychange', refreshOldData);
      connection.close();
    };
  }, [client]);

  return <LiveContext value={liveConnection}>{children}</LiveContext>;
}

const CONNECTING: LiveState = { kind: 'connecting' };
const noop = (): void => undefined;

/** Returns the state of the live stream. */
export function useLiveState(): LiveState {
  const connection = use(LiveContext);
  const store = useMemo(
    () => ({
      subscribe: (onChange: () => void) => connection?.subscribe(onChange) ?? noop,
      state: () => connection?.state() ?? CONNECTING,
    }),
    [connection],
  );
  return useSyncExternalStore(store.subscribe, store.state);
}
