import type { Client } from '@muster/client';
import { BASE_PATH } from '../base-path';
import { electByLease, electByLock } from './leadership';
import { connectLive, type LiveConnection, type LiveHandlers } from './live-connection';
import { shareLive } from './shared-live';

/**
 * The name of the channel, of the lock and of the lease. It need not contain the user, because all tabs of a browser
 * share one sign-in session. It contains the base path, because several Muster servers can share one origin.
 */
const NAME = `muster-live${BASE_PATH}`;

/** Returns the way in which tabs can elect a leader in this browser, or null if there is none. */
function chooseElection(): ReturnType<typeof electByLock> | null {
  // Browsers offer locks only with HTTPS and on localhost.
  if ('locks' in navigator) return electByLock(navigator.locks, NAME);
  try {
    const { localStorage } = window;
    return electByLease(localStorage, NAME, `${Date.now()}-${Math.random()}`, window);
  } catch {
    // The user has forbidden the page to store data.
    return null;
  }
}

/**
 * Connects to the live stream. All tabs of the browser share one stream. If tabs cannot share a stream, each tab has
 * its own stream.
 */
export function connectShared(client: Pick<Client, 'stream'>, handlers: LiveHandlers): LiveConnection {
  const elected = 'BroadcastChannel' in window ? chooseElection() : null;
  if (elected === null) return connectLive(client, handlers);
  const connect = (leaderHandlers: LiveHandlers): LiveConnection => connectLive(client, leaderHandlers);
  return shareLive(connect, handlers, new BroadcastChannel(NAME), elected);
}
