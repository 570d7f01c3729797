import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAvailable } from '@muster/testkit';

/** The programs of scripts/check-deploy, which unpacks Debian's cloud-init if cloud-init is not installed. */
export const CHECK_DEPLOY = fileURLToPath(new URL('../../../../node_modules/.cache/check-deploy', import.meta.url));

const UNPACKED = join(CHECK_DEPLOY, 'cloud-init/usr/lib/python3/dist-packages');
const isInstalled = spawnSync('cloud-init', ['--version']).status === 0;

/** The command that runs cloud-init. */
export const CLOUD_INIT = isInstalled
  ? 'cloud-init'
  : `env PYTHONPATH=${UNPACKED} ${CHECK_DEPLOY}/venv/bin/python -m cloudinit.cmd.main`;

/** Returns whether cloud-init can run. If not, `isAvailable` reports the reason. */
export const hasCloudInit = (): boolean =>
  isAvailable(
    isInstalled || existsSync(UNPACKED)
      ? null
      : 'cloud-init is missing: run scripts/check-deploy once, which unpacks it',
  );

/**
 * A configuration of cloud-init with the modules of a boot. It uses no cloud. It installs no packages, because the
 * installation would need a network.
 */
export const CLOUD_CFG = `datasource_list: [None]
system_info: { distro: debian }
network: { config: disabled }
cloud_init_modules: [write_files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts_user]
`;
