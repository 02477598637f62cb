/**
 * Namespaces: levels of names with properties. One that still holds something is not dropped; a level needs the level above it.
 */
import { RestError } from './errors.ts'
import { checkNamespace, printNamespace, type Namespace } from './identifier.ts'
import type { CreateNamespace, UpdateNamespace } from './requests.ts'
import type { CatalogState } from './state.ts'

export function listNamespaces({ pointers }: CatalogState, parent: Namespace): Namespace[] {
  if (parent.length > 0) demandNamespace(pointers, parent)
  return pointers.childNamespaces(parent)
}

export function createNamespace({ pointers }: CatalogState, request: CreateNamespace): { namespace: Namespace, properties: Record<string, string> } {
  const namespace = checkNamespace(request.namespace)
  const properties = request.properties ?? {}
  if (namespace.length > 1) demandNamespace(pointers, namespace.slice(0, -1))
  if (!pointers.createNamespace(namespace, properties)) throw new RestError('AlreadyExistsException', `Namespace already exists: ${printNamespace(namespace)}`)
  return { namespace, properties }
}

export function loadNamespace({ pointers }: CatalogState, namespace: Namespace): { namespace: Namespace, properties: Record<string, string> } {
  return { namespace, properties: demandNamespace(pointers, namespace) }
}

export function updateNamespace({ pointers }: CatalogState, namespace: Namespace, request: UpdateNamespace): { updated: string[], removed: string[], missing: string[] } {
  const updates = request.updates ?? {}
  const removals = [...new Set(request.removals ?? [])]
  const both = removals.filter(name => Object.hasOwn(updates, name))
  if (both.length > 0) throw new RestError('UnprocessableEntityException', `Invalid namespace update: cannot simultaneously set and remove keys: [${both.join(', ')}]`)
  const before = demandNamespace(pointers, namespace)
  const after = { ...before, ...updates }
  for (const name of removals) delete after[name]
  pointers.updateNamespace(namespace, after)
  const removed = removals.filter(name => Object.hasOwn(before, name))
  return { updated: Object.keys(updates), removed, missing: removals.filter(name => !removed.includes(name)) }
}

export function dropNamespace({ pointers }: CatalogState, namespace: Namespace): void {
  demandNamespace(pointers, namespace)
  const holds = pointers.dropNamespace(namespace)
  if (holds !== null) throw new RestError('NamespaceNotEmptyException', `Namespace ${printNamespace(namespace)} is not empty: it contains a ${holds}`)
}

/** Before something is made in a namespace. Throws NoSuchNamespaceException where namespaces must exist first. */
export function admitNamespace({ pointers, namespaceRequired }: CatalogState, namespace: Namespace): void {
  checkNamespace(namespace)
  if (namespaceRequired) demandNamespace(pointers, namespace)
}

/** Its properties. Throws NoSuchNamespaceException. */
export function demandNamespace(pointers: CatalogState['pointers'], namespace: Namespace): Record<string, string> {
  const properties = pointers.namespaceProperties(namespace)
  if (properties === null) throw new RestError('NoSuchNamespaceException', `Namespace does not exist: ${printNamespace(namespace)}`)
  return properties
}
