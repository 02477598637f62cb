// For tests: the contract as a later release may have it, grown by a field of every kind, and by an event type.
import { contract, contractVersion, kinds, type Contract } from '../openapi/index.ts'

const { boolean, double, integer, money, object, oneOf, struct, text, time } = kinds
const since = contractVersion + 1

const added = {
  loyalty: integer('Points.', { since }),
  points: { ...integer('A column of 32 bits.', { since }), iceberg: 'int' },
  fee: money('A fee.', { since }),
  tip: money('Defaults to quantity × unit_price.', { since }),
  tier: oneOf('A tier.', ['GOLD', 'SILVER'], { since }),
  nick: text('A short name.', { since, charsMax: 5 }),
  code: text('Two letters, two digits.', { since, pattern: '^[A-Z]{2}[0-9]{2}$' }),
  seen: time('A time.', { since }),
  gift: boolean('Is it a gift?', { since }),
  weight: double('In kg.', { since }),
  shop: struct('Where it was bought.', { name: text('Its name.'), floor: integer('The floor.'), open: boolean('Is it open?') }, 'name', { since }),
  meta: object('An object.', { since }),
  rating: integer('Stars.', { since })
}
const names = Object.keys(added).filter(name => name !== 'rating')

export const grownContract: Contract = {
  ...contract,
  fields: { ...contract.fields, ...added },
  eventTypes: [
    ...contract.eventTypes.map(type => type.name !== 'page_view' && type.family !== 'order' ? type : {
      ...type,
      fields: [...type.fields, ...names],
      defaults: type.family === 'order' ? [...type.defaults, { field: 'tip', product: ['quantity', 'unit_price'] } as never] : type.defaults
    }),
    { name: 'review_posted', family: 'clickstream', doc: 'A product was reviewed.', fields: ['product_id', 'rating'], required: ['rating'], defaults: [] }
  ]
}
