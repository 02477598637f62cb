// What reads a command's output may end before it does (`| head`, a pager that was left): that is the end of the command, and
// no error of it. What a service or the line does then is their own business.

/** The command ends with what reads it; any other failure to write is its failure. */
export function endWithReader (streams: readonly NodeJS.WriteStream[] = [process.stdout, process.stderr]): void {
  for (const stream of streams) stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
}
