import fc from 'fast-check'

/**
 * A unit of strings: any code point, lone surrogates among them. (The units that fast-check knows take a second to be
 * made.)
 */
export const codePoint: fc.Arbitrary<string> = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code))
