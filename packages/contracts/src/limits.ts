/**
 * The limits of the API, each defined once. A request that exceeds a limit is refused as a whole. The fields of a
 * container are an exception: `fitContainer` shortens a field that exceeds its limit, so that one container never
 * blocks its host's snapshot.
 */

/** Maximum number of containers in one snapshot. */
export const SNAPSHOT_CONTAINERS_MAX = 5_000;

/**
 * Maximum number of present containers of one host. A complete snapshot cannot exceed this number, because it holds at
 * most `SNAPSHOT_CONTAINERS_MAX` containers. Incomplete snapshots can exceed it, because they add containers to the
 * containers that are already stored.
 */
export const HOST_CONTAINERS_MAX = 10_000;

/**
 * Maximum number of container ids in one `Snapshot-Gone` header. This many ids of maximum length fit into the headers
 * of a request.
 */
export const SNAPSHOT_REMOVED_MAX = 100;

/** Maximum bytes of a snapshot body, before and after decompression: 10 MiB. */
export const SNAPSHOT_BODY_BYTES_MAX = 10 * 1024 * 1024;

/** Maximum bytes of any other request body: 64 KiB, several times the size of the largest valid body. */
export const BODY_BYTES_MAX = 64 * 1024;

/** Maximum of a counter: the largest value of PostgreSQL's type `int`. */
export const COUNT_MAX = 2_147_483_647;

/** Maximum length of a container's `dockerId`, in characters. */
export const DOCKER_ID_LENGTH_MAX = 128;

/** Maximum length, in characters, of each of these texts: a container's name, image reference and image id. */
export const NAME_LENGTH_MAX = 1_024;

/** Maximum length of a container's command, in characters. */
export const COMMAND_LENGTH_MAX = 4_096;

/**
 * Maximum length of a label key, in characters. Labels with longer keys are dropped, because two shortened keys could
 * collide.
 */
export const LABEL_KEY_LENGTH_MAX = 256;

/** Maximum length of a label value, in characters. */
export const LABEL_VALUE_LENGTH_MAX = 4_096;

/** Maximum number of labels of one container. */
export const LABELS_MAX = 4_096;

/** Maximum total size of one container's labels (keys and values), in UTF-8 bytes: 64 KiB. */
export const LABELS_BYTES_MAX = 64 * 1024;

/** Maximum number of labels of one host. */
export const HOST_LABELS_MAX = 64;

/** Maximum number of addresses of one host. */
export const HOST_ADDRESSES_MAX = 32;

/** The name of a host whose agent reports a name without visible characters. An operator can rename the host. */
export const HOST_NAME_SUBSTITUTE = 'unnamed';

/** Maximum number of port entries of one container, after merging consecutive ports into ranges. */
export const PORTS_MAX = 4_096;

/** Maximum length, in characters, of the engine's error message about a container that could not be started. */
export const EXIT_ERROR_LENGTH_MAX = 1_024;

/** Maximum length of a container's state, in characters. */
export const STATE_LENGTH_MAX = 32;

/** Maximum length of the engine's status text, in characters. */
export const STATUS_LENGTH_MAX = 255;

/** Maximum length of a port's host address, in characters. Suffices for an IPv6 address with a zone id. */
export const PORT_IP_LENGTH_MAX = 64;

/** Maximum length, in characters, of a name that a person chooses, such as the name of a host or token. */
export const DISPLAY_NAME_LENGTH_MAX = 200;

/** Maximum length, in characters, of a property of an agent's machine, such as engine id, version or architecture. */
export const MACHINE_PROPERTY_LENGTH_MAX = 255;

/** Maximum length, in characters, of `engineError`, the reason why an agent cannot list its containers. */
export const ENGINE_ERROR_LENGTH_MAX = 1_024;

/** Maximum length of a host problem's message, in characters. */
export const PROBLEM_MESSAGE_LENGTH_MAX = 1_024;

/** Maximum number of problems in one heartbeat. */
export const HOST_PROBLEMS_MAX = 8;

/** Maximum number of entries of `errors` in one problem document. */
export const PROBLEM_ERRORS_MAX = 20;

/** Maximum number of items on one page of a list. */
export const PAGE_LIMIT_MAX = 200;

/** Maximum number of hosts of the fleet map. */
export const FLEET_MAP_HOSTS_MAX = 20_000;

/** Maximum number of values of one facet. */
export const FACET_VALUES_MAX = 100;

/** Maximum number of segments of one host's availability. */
export const AVAILABILITY_SEGMENTS_MAX = 500;

/** Maximum number of label keys in the facets of hosts, and of values of each key. */
export const FACET_LABEL_KEYS_MAX = 100;
export const FACET_LABEL_VALUES_MAX = 20;

/** Maximum number of groups of hosts. The hosts of all further groups are counted together. */
export const HOST_GROUPS_MAX = 100;

/** Maximum number of hosts that the service discovery returns. */
export const SERVICE_DISCOVERY_HOSTS_MAX = 20_000;

/** Maximum number of hosts that one request deletes. */
export const HOST_DELETIONS_MAX = 100;

/** Maximum number of hosts whose labels one call changes. */
export const HOST_LABEL_CHANGES_MAX = 1_000;

/** Default number of items on one page of a list. */
export const PAGE_LIMIT_DEFAULT = 50;

/** Default lifetime of an enrollment token, in seconds: a day. */
export const ENROLLMENT_TOKEN_SECONDS_DEFAULT = 86_400;

/** Maximum lifetime of an enrollment token, in seconds: a year. */
export const ENROLLMENT_TOKEN_SECONDS_MAX = 365 * 86_400;

/** Maximum number of hosts that one enrollment token can enroll. */
export const ENROLLMENT_TOKEN_USES_MAX = 100_000;

/**
 * Minimum length of a password, in characters. NIST SP 800-63B requires at least 8, and advises against composition
 * rules.
 */
export const PASSWORD_LENGTH_MIN = 12;
/** Maximum length of a password, in characters. */
export const PASSWORD_LENGTH_MAX = 128;
