// CORS for pages that send events themselves. Any origin by default: there are no cookies here that a page could abuse,
// and sendBeacon always asks with credentials, so the origin is reflected instead of answering `*`.
// The plugin's catch-all OPTIONS route would turn every unknown path into a 405: preflights get routes of their own.

import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod, RouteShorthandOptions } from 'fastify'

type OnRequest = (request: FastifyRequest, reply: FastifyReply, next: () => void) => void

const preflightSecondsMax = 7200

/** Answers preflights of `paths` and marks the answers of `scope`. */
export function allowOrigins (scope: FastifyInstance, origins: readonly string[], paths: readonly string[]): void {
  const named = origins.filter(origin => origin !== '' && origin !== 'none')
  if (named.length === 0) return
  const facade = Object.create(scope, {
    options: {
      value: (_all: string, options: RouteShorthandOptions, handler: RouteHandlerMethod) => {
        for (const path of paths) scope.options(path, options, handler)
      }
    },
    addHook: {
      value: (_name: string, hook: OnRequest) => {
        scope.addHook('onRequest', (request, reply, next) => {
          if (request.headers.origin === undefined && request.method === 'POST') next()
          else hook(request, reply, next)
        })
      }
    }
  }) as FastifyInstance
  cors(facade, {
    origin: named.includes('*') ? true : named,
    credentials: true,
    methods: ['GET', 'HEAD', 'POST'],
    exposedHeaders: ['retry-after'],
    maxAge: preflightSecondsMax,
    strictPreflight: false
  }, error => { if (error !== undefined) throw error })
}
