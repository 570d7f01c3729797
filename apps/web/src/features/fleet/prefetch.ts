import { noop, type QueryClient } from '@tanstack/react-query';
import { attentionQuery, fleetMapQueryOf, hostsQuery, summaryQueryOf } from '../../lib/api/queries';

/** Maximum number of hosts that are shown as tiles. A larger fleet is shown as a map. */
export const TILES_MAX = 60;

/** The query for the hosts that are shown as tiles. */
export const hostTilesQuery = (hostLabel: string[] | undefined) =>
  hostsQuery({ sort: '-severity', hostLabel }, TILES_MAX);

/**
 * Requests the data of the fleet page while the page's script loads. The number of hosts is not known yet, so both the
 * hosts of the tiles and the map are requested. The unneeded response is small: it is either the map of a small fleet
 * or a list of 60 hosts. The page itself shows errors and retries.
 */
export function prefetchFleet(client: QueryClient, hostLabel: string[] | undefined): void {
  client.query(summaryQueryOf(hostLabel)).catch(noop);
  client.infiniteQuery(hostTilesQuery(hostLabel)).catch(noop);
  client.query(fleetMapQueryOf(hostLabel)).catch(noop);
  client.query(attentionQuery(hostLabel)).catch(noop);
}
