/** The organization that the API makes for its first key: hosts must be in it to be seen. */
export const ORGANIZATION = 'default';
