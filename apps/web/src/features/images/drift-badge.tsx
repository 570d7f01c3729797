import type { ImageInUse } from '@muster/contracts';
import { StateIcon } from '../../components/state-icons';
import { formatBuilds } from './group-images';

/** The explanations of `drift`. */
export const DRIFT_TITLES: Readonly<Record<ImageInUse['drift'], string>> = {
  none: 'All containers run the same build.',
  different: 'Containers with this reference run different builds.',
  unknown:
    'It is unknown whether these are different builds. Image IDs of different hosts, and digests of different kinds, ' +
    'cannot be compared.',
};

/** The number of builds of an image. The icon shows whether the builds are known to differ. */
export const DriftBadge = ({ image }: { image: Pick<ImageInUse, 'buildsMin' | 'buildsMax' | 'drift'> }) => (
  <span className="state" title={DRIFT_TITLES[image.drift]}>
    <StateIcon icon={image.drift === 'different' ? 'unhealthy' : image.drift === 'unknown' ? 'unknown' : 'running'} />
    {formatBuilds(image)}
  </span>
);
