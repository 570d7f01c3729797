import type { ContainerView, Workload } from '@muster/contracts';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ImageRef } from '../../components/image-ref';
import { HostName } from '../../components/host-name';
import { IsolatedText } from '../../components/isolated-text';
import { lastEventQuery, successorsQuery } from '../../lib/api/queries';
import { isOfWorkload, workloadFilters, workloadSearch, workloadTitle, type WorkloadSearch } from '../workload/search';

/** For a removed container, shows links to its workload and to the newest present container of the workload. */
export function Successor({ container: { hostId, dockerId, image, workload, labels } }: { container: ContainerView }) {
  const search = workloadSearch(hostId, workload, labels);
  const { data } = useQuery({ ...successorsQuery(workloadFilters(search ?? {})), enabled: search !== null });
  if (search === null) return null;
  const successor = data?.items.find((one) => isOfWorkload(search, one.workload) && one.dockerId !== dockerId);
  // If the workload has no instance, the other containers of the service are not successors of this container.
  if (successor === undefined || (search.instance === undefined && workload.kind !== 'plain')) {
    return <WorkloadLink search={search} />;
  }
  return (
    <>
      Replaced by{' '}
      <Link
        to="/hosts/$hostId/containers/$dockerId"
        params={{ hostId: successor.hostId, dockerId: successor.dockerId }}
      >
        <IsolatedText text={successor.name} />
      </Link>
      {successor.hostId !== hostId && (
        <>
          {' '}
          on <HostName id={successor.hostId} name={successor.hostName} />
        </>
      )}
      {successor.image !== image && (
        <>
          : <ImageRef image={image} /> → <ImageRef image={successor.image} />
        </>
      )}
      . <WorkloadLink search={search} />
    </>
  );
}

function WorkloadLink({ search }: { search: WorkloadSearch }) {
  return (
    <Link to="/workload" search={search}>
      View all containers of <IsolatedText text={workloadTitle(search)} />
    </Link>
  );
}

/**
 * For a container that is no longer stored, shows links to its workload, which is read from the container's last event.
 */
export function FormerWorkload({ hostId, dockerId }: { hostId: string; dockerId: string }) {
  const { data } = useQuery(lastEventQuery(hostId, dockerId));
  const workload: Workload | null = data?.items[0]?.workload ?? null;
  const search = workload && workloadSearch(hostId, workload);
  return search && <WorkloadLink search={search} />;
}
