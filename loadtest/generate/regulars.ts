// Customers that the shop has had for long: the same whatever the seed, as the CRM extract in analytics/reference/customers.csv
// knows most of them. They come back in every run and are new to none but the first.

import { Faker, base, en } from '@faker-js/faker'
import { inventShopper, type Shopper } from './shopper.ts'

const regularsSeed = 4243
const regularCount = 20

export function inviteRegulars (): Shopper[] {
  const faker = new Faker({ locale: [en, base], seed: regularsSeed })
  return Array.from({ length: regularCount }, () => inventShopper(faker))
}
