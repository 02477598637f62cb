// What the shop sells: the same products whatever the seed, so that runs add up to one history.

import { Faker, base, en } from '@faker-js/faker'

export interface Product { readonly id: string, readonly name: string, readonly category: string, readonly priceCents: number }

const catalogueSeed = 4242
const productCount = 240
/** Category → price range in whole units. */
const categories: Record<string, [number, number]> = {
  electronics: [40, 900], fashion: [15, 180], home: [10, 350], beauty: [5, 90], sports: [12, 400], books: [6, 45], toys: [8, 120], groceries: [2, 40]
}

export function stockProducts (): Product[] {
  const faker = new Faker({ locale: [en, base], seed: catalogueSeed })
  const names = Object.keys(categories)
  return Array.from({ length: productCount }, (_, i) => {
    const category = names[i % names.length] as string
    const [low, high] = categories[category] as [number, number]
    return { id: `P-${String(i + 1).padStart(4, '0')}`, name: faker.commerce.productName(), category, priceCents: faker.number.int({ min: low * 100, max: high * 100 }) }
  })
}
