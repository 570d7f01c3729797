/** ajv and its formats, unwrapped because their type declarations describe the CommonJS `exports` instead. */
import ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

export const { Ajv2020 } = ajv;
export const addFormats = formats.default;
