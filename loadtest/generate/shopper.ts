// Who shops: a person with a device, a place, an address on the network and a card, and the campaign that brought them.
// Customers come back: a shopper once met is drawn again, with the same ids and a new session.

import type { Faker } from '@faker-js/faker'

export interface Shopper {
  readonly userId: string
  readonly email: string
  readonly name: string
  readonly ip: string
  readonly userAgent: string
  readonly device: Record<string, string>
  readonly location: Record<string, string | number>
  readonly card: string
  readonly currency: string
  known: boolean
}

export interface Campaign { readonly utm_source: string, readonly utm_medium: string, readonly utm_campaign: string }

interface Place { country: string, region: string, city: string, latitude: number, longitude: number, currency: string }

const places: Place[] = [
  { country: 'US', region: 'north_america', city: 'New York', latitude: 40.71, longitude: -74.01, currency: 'USD' },
  { country: 'US', region: 'north_america', city: 'San José', latitude: 37.34, longitude: -121.89, currency: 'USD' },
  { country: 'DE', region: 'europe', city: 'München', latitude: 48.14, longitude: 11.58, currency: 'EUR' },
  { country: 'CH', region: 'europe', city: 'Zürich', latitude: 47.37, longitude: 8.54, currency: 'CHF' },
  { country: 'FR', region: 'europe', city: 'Besançon', latitude: 47.24, longitude: 6.02, currency: 'EUR' },
  { country: 'GB', region: 'europe', city: 'London', latitude: 51.51, longitude: -0.13, currency: 'GBP' },
  { country: 'BR', region: 'south_america', city: 'São Paulo', latitude: -23.55, longitude: -46.63, currency: 'BRL' },
  { country: 'JP', region: 'asia', city: '東京', latitude: 35.68, longitude: 139.69, currency: 'JPY' },
  { country: 'IN', region: 'asia', city: 'Mumbai', latitude: 19.08, longitude: 72.88, currency: 'INR' },
  { country: 'AU', region: 'oceania', city: 'Sydney', latitude: -33.87, longitude: 151.21, currency: 'AUD' }
]
/** What one dollar costs: prices of the catalogue are in dollars. */
export const perDollar: Readonly<Record<string, number>> = { USD: 1, EUR: 0.92, CHF: 0.88, GBP: 0.79, BRL: 5.4, JPY: 150, INR: 84, AUD: 1.5 }
const devices = [
  { type: 'mobile', os: 'iOS', browser: 'Safari' }, { type: 'mobile', os: 'Android', browser: 'Chrome' }, { type: 'desktop', os: 'Windows', browser: 'Edge' },
  { type: 'desktop', os: 'macOS', browser: 'Safari' }, { type: 'desktop', os: 'Linux', browser: 'Firefox' }, { type: 'tablet', os: 'iPadOS', browser: 'Safari' }
]
const campaigns: Campaign[] = [
  { utm_source: 'google', utm_medium: 'cpc', utm_campaign: 'spring_sale' }, { utm_source: 'newsletter', utm_medium: 'email', utm_campaign: 'weekly' },
  { utm_source: 'instagram', utm_medium: 'social', utm_campaign: 'creators' }, { utm_source: 'partner', utm_medium: 'affiliate', utm_campaign: 'black_week' }
]

export function inventShopper (faker: Faker): Shopper {
  const { currency, ...location } = faker.helpers.arrayElement(places)
  const firstName = faker.person.firstName()
  const lastName = faker.person.lastName()
  return {
    userId: `u-${faker.string.alphanumeric({ length: 10, casing: 'lower' })}`,
    email: faker.internet.email({ firstName, lastName }).toLowerCase(),
    name: `${firstName} ${lastName}`,
    ip: faker.internet.ipv4(),
    userAgent: faker.internet.userAgent(),
    device: { ...faker.helpers.arrayElement(devices) },
    location,
    card: inventCard(faker),
    currency,
    known: false
  }
}

/** The same account and card from another place, device and address. */
export function inventElsewhere (faker: Faker, shopper: Shopper): Shopper {
  const { currency: _, ...location } = faker.helpers.arrayElement(places.filter(({ latitude, longitude }) => Math.abs(latitude - Number(shopper.location.latitude)) + Math.abs(longitude - Number(shopper.location.longitude)) > 40))
  return { ...shopper, location, ip: faker.internet.ipv4(), userAgent: faker.internet.userAgent(), device: { ...faker.helpers.arrayElement(devices) } }
}

export function inventCard (faker: Faker): string {
  return `card_${faker.string.hexadecimal({ length: 16, prefix: '', casing: 'lower' })}`
}

export function drawCampaign (faker: Faker): Campaign | null {
  return faker.number.float() < 0.35 ? faker.helpers.arrayElement(campaigns) : null
}
