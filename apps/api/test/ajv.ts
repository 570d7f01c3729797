/** Imports ajv and ajv-formats. Their types describe the `exports` object of a CommonJS module. */
import ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

export const { Ajv2020 } = ajv;
export const addFormats = formats.default;
