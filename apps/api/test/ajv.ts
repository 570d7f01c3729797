/** Re-exports ajv and ajv-formats, which are CommonJS modules. Their default imports are `exports` objects. */
import ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

export const { Ajv2020 } = ajv;
export const addFormats = formats.default;
