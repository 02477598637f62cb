// What a machine can check about how the code reads and what it may import. Type-aware where that is cheap and finds
// real faults: a promise that nobody waits for loses an acknowledgement.

import tseslint from 'typescript-eslint'
import { importTable } from './.ci/import-table.js'

export default tseslint.config(
  { ignores: ['node_modules/', 'data/', '.tap/', '.cache/', '**/target/'] },
  {
    files: ['**/*.ts'],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { '@typescript-eslint': tseslint.plugin, firn: { rules: { 'import-table': importTable } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'firn/import-table': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': ['error', { destructuring: 'all' }],
      'no-debugger': 'error',
      'no-self-compare': 'error',
      'no-constant-binary-expression': 'error',
      'no-dupe-keys': 'error',
      'no-duplicate-case': 'error',
      'no-fallthrough': 'error',
      'no-sparse-arrays': 'error',
      'no-unreachable': 'error',
      'no-unsafe-finally': 'error',
      'no-useless-catch': 'error',
      'use-isnan': 'error',
      'no-restricted-syntax': ['error', {
        selector: "MemberExpression[property.name='write'][object.property.name=/^std(out|err)$/], MemberExpression[object.name='console'][property.name=/^(log|error|info|warn|debug)$/]",
        message: 'what events or other programs wrote may hold sequences that forge lines: print by show or complain of runtime/'
      }],
      'no-restricted-imports': ['error', {
        patterns: [{ regex: '(^|/)(utils?|helpers?|common|shared)(/|\\.ts$|$)', message: 'a path says what a file does' }],
        paths: [
          { name: '@duckdb/node-api', importNames: ['DuckDBInstance'], message: 'its decoder drops a leading U+FEFF: open DuckDB through catalog/' },
          { name: 'node:readline', message: 'a line ends at LF only: take linesOf or onLine of runtime/' }
        ]
      }]
    }
  },
  {
    files: ['**/*.test.ts', '**/*.servers.ts'],
    rules: {
      // tap's subtests are awaited by tap itself.
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { args: 'none', varsIgnorePattern: '^_', caughtErrors: 'none' }]
    }
  },
  {
    // The way out itself, what stands on nothing of ours, the proofs and judges, which show what they have made themselves, and test programs.
    files: [
      'runtime/shown.ts', 'openapi/main.ts', 'deploy/kafka/setup.ts', 'deploy/servers/test.ts', 'catalog/server/compatibility-kit/main.ts', 'log/embedded/adversary.ts',
      'loadtest/*/**/*.ts', '**/*.test.ts', '**/*.servers.ts', '**/*.fixture.ts'
    ],
    ignores: ['loadtest/{generate,verify}/**', 'loadtest/k6/{main,run}.ts'],
    rules: { 'no-restricted-syntax': 'off' }
  },
  {
    // The door itself, and what is tested against the bare client.
    files: ['catalog/files/duckdb.ts', 'catalog/files/duckdb.test.ts'],
    rules: { 'no-restricted-imports': 'off' }
  }
)
