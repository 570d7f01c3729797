import {
  displayImage,
  splitReference,
  toTerminalText,
  type ImageBuild,
  type ImageBuilds,
  type ImageInUse,
} from '@muster/contracts';
import type { Command } from 'commander';
import { withApi } from '../api.js';
import { formatOption, writeList, type Format } from '../output/format.js';
import { FRESHNESS_STYLES } from '../output/styles.js';
import type { Column } from '../output/table.js';
import { wrap } from '../output/wrap.js';
import type { Terminal } from '../terminal.js';
import { hostLabelOption, parseCount, parseText, takeFirst } from './options.js';

interface Options {
  builds?: string;
  hostLabel?: string[];
  search?: string;
  limit?: number;
  output: Format;
}

/** Adds the command `muster images`. */
export function addImagesCommand(program: Command, terminal: Terminal): void {
  program
    .command('images')
    .summary('list images in use, and which hosts run which build')
    .option('--builds <reference>', 'list the builds of one image, and the hosts that run them', parseText)
    .addOption(hostLabelOption())
    .option('-q, --search <text>', 'search text', parseText)
    .option('--limit <number>', 'maximum number of images', parseCount)
    .addOption(formatOption())
    .action(({ builds: image, hostLabel, search: q, limit = Infinity, output }: Options) =>
      withApi(terminal, async (client) => {
        if (image !== undefined) {
          const found = await client.call('getImageBuilds', { query: { image, hostLabel } });
          writeBuilds(terminal, output, found);
          return;
        }
        const query = { q, hostLabel, limit: Math.min(limit, 200) };
        const images = await takeFirst(client.items('listImages', { query }), limit);
        const isFiltered = q !== undefined || hostLabel !== undefined;
        const emptyText = isFiltered ? 'No images match the search.' : 'No images in use.';
        writeList(terminal, output, IMAGE_COLUMNS, images, emptyText);
      }),
    );
}

const IMAGE_COLUMNS: Column<ImageInUse>[] = [
  {
    title: 'REPOSITORY',
    text: ({ image }) => splitReference(image).repository ?? displayImage({ image, imageId: null }),
    raw: ({ image }) => splitReference(image).repository ?? image,
    keep: 'end',
    widthMin: 20,
  },
  {
    title: 'TAG',
    text: ({ image }) => tagOf(image) || '-',
    raw: ({ image }) => tagOf(image),
    widthMin: 8,
  },
  {
    title: 'BUILDS',
    text: formatBuilds,
    raw: ({ buildsMin, buildsMax }) => (buildsMin === buildsMax ? String(buildsMin) : `${buildsMin}-${buildsMax}`),
    widthMin: Infinity,
  },
  {
    title: 'DRIFT',
    text: ({ drift }) => (drift === 'none' ? '-' : drift),
    raw: ({ drift }) => drift,
    style: ({ drift }) => (drift === 'different' ? 'yellow' : null),
    widthMin: Infinity,
  },
  { title: 'HOSTS', text: ({ hosts, isExact }) => formatCount(hosts, isExact), widthMin: Infinity },
  { title: 'CONTAINERS', text: ({ containers, isExact }) => formatCount(containers, isExact), widthMin: Infinity },
  { title: 'RUNNING', text: ({ running }) => String(running), widthMin: Infinity, omission: 1 },
];

/** Returns the tag and, if the reference has a digest, the first digits of the digest. */
function tagOf(image: string): string {
  const { tag, digest } = splitReference(image);
  return digest === null ? (tag ?? '') : `${tag ?? ''}@${shortBuild(digest)}`;
}

const formatCount = (count: number, isExact: boolean): string => (isExact ? String(count) : `${count}+`);

/** Formats the number of builds. If builds cannot be compared, the number may be a range. */
function formatBuilds({ buildsMin, buildsMax }: ImageInUse): string {
  return buildsMin === buildsMax ? String(buildsMin) : `${buildsMin} to ${buildsMax}`;
}

/** Shortens a digest or image id to its first 12 digits. */
const shortBuild = (text: string): string => text.replace(/^(?:sha256:)?([0-9a-f]{12})[0-9a-f]{52}/, '$1');

/** A host of a build. A build with more hosts than the API lists has a last row without a host. */
interface BuildRow {
  build: ImageBuild;
  host: ImageBuilds['builds'][number]['hostList'][number] | null;
  /** Number of hosts of the build that are not listed. */
  moreHosts: number;
}

const BUILD_COLUMNS: Column<BuildRow>[] = [
  { title: 'BUILD', text: ({ build }) => String(build.build), widthMin: Infinity },
  {
    title: 'DIGEST OR IMAGE ID',
    text: ({ build }) => shortBuild(build.imageDigest ?? build.imageId ?? '') || '-',
    raw: ({ build }) => build.imageDigest ?? build.imageId ?? '',
    wide: ({ build }) => build.imageDigest ?? build.imageId ?? '-',
    widthMin: 12,
  },
  {
    title: 'FROM',
    text: ({ build }) => (build.imageDigest !== null ? 'digest' : build.imageId !== null ? 'image id' : '-'),
    widthMin: Infinity,
    omission: 2,
  },
  {
    title: 'PLATFORM',
    text: ({ build }) => build.platform ?? '-',
    raw: ({ build }) => build.platform ?? '',
    omission: 1,
  },
  {
    title: 'HOST',
    text: ({ host, moreHosts }) => host?.hostName ?? `… and ${moreHosts} more`,
    raw: ({ host }) => host?.hostName ?? '',
    style: ({ host }) => host && FRESHNESS_STYLES[host.hostFreshness],
    widthMin: 14,
  },
  { title: 'CONTAINERS', text: ({ host }) => (host ? String(host.containers) : ''), widthMin: Infinity },
  { title: 'RUNNING', text: ({ host }) => (host ? String(host.running) : ''), widthMin: Infinity },
];

/** Writes the builds of an image, with one row for each host. JSON is the API's answer. */
function writeBuilds(terminal: Terminal, output: Format, found: ImageBuilds): void {
  const rows = found.builds.flatMap(({ hostList, ...build }): BuildRow[] => {
    const moreHosts = build.hosts - hostList.length;
    const listed = hostList.map((host) => ({ build, host, moreHosts: 0 }));
    return moreHosts > 0 ? [...listed, { build, host: null, moreHosts }] : listed;
  });
  const emptyText = `No container uses the image ${toTerminalText(found.image)}.`;
  if (output === 'json') writeList(terminal, output, [], [found], emptyText);
  else writeList(terminal, output, BUILD_COLUMNS, rows, emptyText);
  if (output !== 'table' || rows.length === 0 || terminal.screen === null) return;
  terminal.out(`\n${wrap(DRIFT_SENTENCES[found.drift], terminal.screen.columns)}\n`);
}

const DRIFT_SENTENCES: Readonly<Record<ImageInUse['drift'], string>> = {
  none: 'All containers run the same build.',
  different: 'Containers with this reference run different builds.',
  unknown:
    'Whether these are different builds is unknown: image ids of different hosts, and digests of different kinds, ' +
    'cannot be compared.',
};
