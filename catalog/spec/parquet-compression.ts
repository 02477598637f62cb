/**
 * How DuckDB compresses a table's files: `write.parquet.compression-codec` and `-level` in the words of its COPY, to stand behind COMPRESSION.
 *
 * zstd where nothing is set or the codec is not one that DuckDB writes (lzo); a level goes with zstd alone, from 1 to 22.
 */
const codecs: Readonly<Record<string, string>> = { zstd: 'zstd', snappy: 'snappy', gzip: 'gzip', lz4: 'lz4_raw', brotli: 'brotli', uncompressed: 'uncompressed' }

export function parquetCompression(properties: Readonly<Record<string, string>>): string {
  const codec = codecs[properties['write.parquet.compression-codec']?.toLowerCase() ?? 'zstd'] ?? 'zstd'
  const text = properties['write.parquet.compression-level'] ?? ''
  const level = /^\d{1,2}$/.test(text) ? Number(text) : 0
  return codec === 'zstd' && level >= 1 && level <= 22 ? `zstd, COMPRESSION_LEVEL ${level}` : codec
}
