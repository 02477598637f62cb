import t from 'tap'
import { isHeldOut } from './held-out.ts'
import { judgeModel, probability, train, type Example } from './logistic.ts'

/** Fraud where the first feature is over 10; the second says nothing, the third never varies. */
const examples: Example[] = Array.from({ length: 400 }, (_, i) => ({ features: [i % 20, (i * 7919) % 13, 5], fraud: i % 20 > 10 }))

t.test('what separates gets weight, what says nothing gets none', async t => {
  const model = train(examples)
  t.ok(model.weights[0]! > 2)
  t.ok(Math.abs(model.weights[1]!) < 0.3)
  t.equal(model.weights[2], 0)
  t.ok(probability(model, [19, 6, 5]) > 0.9)
  t.ok(probability(model, [0, 6, 5]) < 0.1)
  t.ok(Number.isFinite(probability(model, [-1e9, 6, 5])))
  t.match(judgeModel(model, examples, 0.5), { fires: 180, right: 180, fraud: 180, precision: 1, recall: 1 })
  t.strictSame(train(examples), model, 'twice the same')
})

t.test('the same seed holds out the same hours, another one others', async t => {
  const hours = Array.from({ length: 400 }, (_, i) => `hour ${i}`)
  const held = (seed: number): string[] => hours.filter(hour => isHeldOut(hour, seed, 0.3))
  t.strictSame(held(1), held(1))
  t.notSame(held(1), held(2))
  t.ok(held(1).length > 80 && held(1).length < 160)
})
