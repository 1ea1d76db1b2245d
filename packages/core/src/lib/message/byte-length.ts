/** How many bytes a text takes in UTF-8. (A lone surrogate, which no sound text has, counts two bytes of its three.) */
export function byteLength(text: string): number {
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff)) bytes += 2
    else if (unit > 0x7f) bytes++
  }
  return bytes
}
