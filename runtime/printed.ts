// The end of a command that prints: `process.exit()` loses whatever a pipe has not taken yet, without a word and with exit
// code 0. An answer behind a slow reader was cut off in its last lines.

/** Ends the process when what it printed has left it, at its reader's pace; with `process.exitCode`. */
export async function exitWhenPrinted (): Promise<never> {
  await Promise.all([process.stdout, process.stderr].map(async out => await new Promise<void>(resolve => {
    // Called behind all earlier writes; with an error, where the reader is gone.
    out.write('', () => { resolve() })
  })))
  process.exit()
}
