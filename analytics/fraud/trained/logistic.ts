// Logistic regression on standardised features by plain gradient descent, and how right it is. Pure and without chance: the
// same examples give the same coefficients to the last bit.

export interface Example { readonly features: readonly number[], readonly fraud: boolean }

export interface LogisticModel {
  /** Per feature. */
  readonly means: readonly number[]
  /** Per feature; 1 where a feature never varies. */
  readonly deviations: readonly number[]
  readonly weights: readonly number[]
  readonly bias: number
}

export interface Figures { readonly threshold: number, readonly fires: number, readonly right: number, readonly fraud: number, readonly precision: number, readonly recall: number }

const steps = 600
const learningRate = 0.5
/** Against coefficients that grow without end where the examples can be separated. */
const penalty = 1e-3

export function train (examples: readonly Example[]): LogisticModel {
  const count = examples[0]!.features.length
  const columns = Array.from({ length: count }, (_, i) => examples.map(({ features }) => features[i]!))
  const means = columns.map(mean)
  const deviations = columns.map((column, i) => Math.sqrt(mean(column.map(value => (value - means[i]!) ** 2))) || 1)
  const rows = examples.map(({ features }) => features.map((value, i) => (value - means[i]!) / deviations[i]!))
  let weights: number[] = Array.from({ length: count }, () => 0)
  let bias = 0
  for (let step = 0; step < steps; step++) {
    const slopes: number[] = Array.from({ length: count }, () => 0)
    let biasSlope = 0
    for (const [at, row] of rows.entries()) {
      const error = sigmoid(dot(weights, row) + bias) - (examples[at]!.fraud ? 1 : 0)
      for (let i = 0; i < count; i++) slopes[i]! += error * row[i]!
      biasSlope += error
    }
    weights = weights.map((weight, i) => weight - learningRate * (slopes[i]! / rows.length + penalty * weight))
    bias -= learningRate * biasSlope / rows.length
  }
  return { means, deviations, weights, bias }
}

export function probability ({ means, deviations, weights, bias }: LogisticModel, features: readonly number[]): number {
  return sigmoid(dot(weights, features.map((value, i) => (value - means[i]!) / deviations[i]!)) + bias)
}

export function judgeModel (model: LogisticModel, examples: readonly Example[], threshold: number): Figures {
  const fired = examples.filter(({ features }) => probability(model, features) >= threshold)
  const right = fired.filter(({ fraud }) => fraud).length
  const fraud = examples.filter(one => one.fraud).length
  return { threshold, fires: fired.length, right, fraud, precision: right / Math.max(1, fired.length), recall: right / Math.max(1, fraud) }
}

function sigmoid (z: number): number {
  return 1 / (1 + Math.exp(-z))
}

function dot (a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}

function mean (values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
