/** Table properties as numbers. A value that is no whole number counts as absent, as in Iceberg's own library it would fail the table for everyone. */
export function readCount(properties: Readonly<Record<string, string>>, name: string, otherwise: number): number {
  const text = properties[name]
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : otherwise
}
