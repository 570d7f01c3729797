/** The container label with the name of the Compose project. Docker Compose and Podman Compose set this label. */
export const PROJECT_LABEL = 'com.docker.compose.project';
