// The site of `npm run docs`: guides in the order of README, and every public symbol. A symbol without a word is an error.
import { readFileSync } from 'node:fs'
import { Comment, Converter, ReflectionKind } from 'typedoc'
import { requireProperties } from './scripts/undocumented-properties.mjs'

const read = (name) => readFileSync(new URL(name, import.meta.url), 'utf8')
const [, listed] = read('README.md').split('\n## Documentation\n')
const guides = [...new Set(listed.match(/\b(?:docs\/[\w-]+|CHANGELOG|CONTRIBUTING|SECURITY)\.md/g))]

/** A guide is called what its first heading says; a block without a language is text, not TypeScript. */
function readGuides(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const guide of project.getReflectionsByKind(ReflectionKind.Document)) {
      for (const part of guide.content) {
        if (part.kind === 'code') part.text = part.text.replace(/^```\n/, '```text\n')
      }
      const heading = /^# (.*)$/m.exec(guide.content.find(({ kind }) => kind === 'text')?.text ?? '')
      if (heading) guide.name = heading[1].replaceAll('`', '')
    }
  })
}

/** A module is called what it is imported by. */
function nameModules(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      module.name = module.name === 'index' ? 'ipvs-fullnat' : `ipvs-fullnat/${module.name}`
    }
  })
}

/** Interfaces that say which part of `Ipvs` somebody asks for. */
const PARTS_OF_IPVS =
  /^(Batch|Reconcile(Batch|Client|Reader)|ReconcilerClient|(Restore|Save|Diagnose)Client|MetricsSource|Sysctl(Getter|Reader|Writer))$/

const isPartOfIpvs = (reflection) =>
  reflection !== undefined && (PARTS_OF_IPVS.test(reflection.name) || isPartOfIpvs(reflection.parent))

/** What is the same by its nature is not written twice in the sources. */
function fillIn(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const one of project.getReflectionsByKind(ReflectionKind.SomeSignature)) {
      if (one.comment) continue
      const getter = one.kind === ReflectionKind.SetSignature && one.parent.getSignature?.comment
      if (getter) one.comment = getter.clone()
      else if (isPartOfIpvs(one.parent)) {
        one.comment = new Comment([{ kind: 'text', text: 'As the method of this name that a client has.' }])
      }
    }
  })
}

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'ipvs-fullnat',
  entryPoints: [
    'lib/index.ts',
    ...['reconcile', 'formats', 'diagnose', 'metrics', 'testing'].map((name) => `lib/${name}/index.ts`),
  ],
  out: 'site',
  readme: 'README.md',
  projectDocuments: guides,
  plugin: [readGuides, nameModules, fillIn, requireProperties],
  excludePrivate: true,
  excludeInternal: true,
  disableSources: true,
  hideGenerator: true,
  customCss: 'scripts/site.css',
  // SECURITY.md and abi.md are files, and would be domains of Moldova.
  markdownItOptions: { html: true, linkify: false },
  highlightLanguages: ['javascript', 'typescript', 'json', 'yaml', 'shellscript', 'console', 'ini', 'text'],
  navigation: { includeCategories: false, includeGroups: true },
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  treatWarningsAsErrors: true,
  requiredToBeDocumented: [
    'Class',
    'Interface',
    'TypeAlias',
    'Function',
    'Variable',
    'Accessor',
    'Method',
    'Enum',
  ],
  // Formats of their own, lists that a type is made from, and pieces of exported types.
  intentionallyNotExported: [
    ...[
      'AnyName',
      'ErrorSubject',
      'KnownExtendedCounter',
      'OutcomeOf',
      'Place',
      'RequestName',
      'Rule',
      'SavedServiceConfig',
      'Span',
    ],
    ...['LocalAddressReader', 'Permission', 'ProcSys', 'TextProblemDetails'],
    ...['ERRNO', 'SYSCTLS', 'FAMILY_GROUPS'],
    ...['BACKEND_LABELS', 'DESTINATION_LABELS', 'EXTENDED_LABELS', 'LOCAL_ADDRESS_LABELS', 'SERVICE_LABELS'],
    ...['ConnectionDump', 'DestinationDump', 'KernelCountersDump', 'ServiceDump'],
    ...['DaemonObject', 'TemplateObject'],
  ],
}
