// The one setting that nearly every process has.

import { Type } from 'typebox'

export const dataDirSetting = Type.String({ default: './data', minLength: 1, description: 'the folder of everything that lasts' })
