// Duplicates that met each other from different partitions and different writers: the dropped copy is a dead letter with its
// place in the log, the row has the other place, and the snapshots' ranges say who took each.

import { connectCatalog, duckdbScan, openStorage, scanFiles } from '../../catalog/index.ts'
import { withRows, type TableAddress } from '../outage/session-order.ts'
import { ownerOf, type Taken } from './owners.ts'

export interface Crossed {
  readonly duplicates: number
  readonly betweenPartitions: number
  readonly betweenWriters: number
  readonly rowsTwice: number
}

export async function countCrossed (address: TableAddress, taken: readonly Taken[]): Promise<Crossed> {
  const storage = openStorage(address.warehouseUrl)
  const letters = await connectCatalog(address.catalogUrl).loadTable({ namespace: ['firn'], name: 'dead_letters' })
  const { files } = await scanFiles(storage, letters)
  return await withRows(address, async connection => {
    const pairs = (await connection.runAndReadAll(`
      select r.log_topic, r.log_partition, r.log_offset, l.log_topic, l.log_partition, l.log_offset
      from ${duckdbScan(letters, files, storage)} l join rows r using (event_id) where l.reason = 'duplicate'`)).getRows()
    const twice = (await connection.runAndReadAll('select count(*) from (select event_id from rows group by event_id having count(*) > 1)')).getRows()[0]?.[0]
    const apart = pairs.filter(([topic, partition, , otherTopic, otherPartition]) => topic !== otherTopic || partition !== otherPartition)
    const owner = (topic: unknown, partition: unknown, offset: unknown): string | undefined => ownerOf(taken, String(topic), Number(partition), BigInt(String(offset)))
    const betweenWriters = apart.filter(([t1, p1, o1, t2, p2, o2]) => owner(t1, p1, o1) !== owner(t2, p2, o2)).length
    return { duplicates: pairs.length, betweenPartitions: apart.length, betweenWriters, rowsTwice: Number(twice) }
  })
}
