import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, ensureTool, progress } from './cache.ts'
import { maven } from './maven.ts'

export type ElasticsearchVersion = '8.19.9' | '9.2.4'

/** The server's own folder, unpacked once. */
export async function fetchElasticsearch(version: ElasticsearchVersion): Promise<string> {
  const home = await cached(`elasticsearch-${version}`, async (work) => {
    progress(`fetching Elasticsearch ${version} ...`)
    const artifact = `org.elasticsearch.distribution.integ-test-zip:elasticsearch:${version}:zip`
    await maven('dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${work}`)
    const zip = readdirSync(work).find((name) => name.endsWith('.zip'))
    if (zip === undefined) throw new Error(`Elasticsearch ${version} did not arrive`)
    execFileSync(await ensureTool('unzip'), ['-q', zip], { cwd: work, stdio: ['ignore', 'pipe', 'pipe'] })
    rmSync(join(work, zip))
  })
  return innerOf(home)
}

/**
 * The same with what security's own index needs and the reduced distribution leaves out: roles and API keys can be made
 * by requests, as on a whole one.
 */
export async function fetchSecured(version: ElasticsearchVersion): Promise<string> {
  const source = await fetchElasticsearch(version)
  const home = await cached(`elasticsearch-${version}-security`, async (work) => {
    progress(`adding roles and API keys to Elasticsearch ${version} ...`)
    const copy = join(work, 'home')
    cpSync(source, copy, { recursive: true })
    await buildPlugin(version, copy, join(work, 'build'))
    rmSync(join(work, 'build'), { recursive: true })
  })
  return innerOf(home)
}

const innerOf = (home: string): string => {
  const inner = readdirSync(home).find((name) => existsSync(join(home, name, 'bin/elasticsearch')))
  if (inner === undefined) throw new Error(`${home} is incomplete: remove it and start again`)
  return join(home, inner)
}

const pluginName = 'thump-analysis'

async function buildPlugin(version: ElasticsearchVersion, home: string, build: string): Promise<void> {
  const sources = join(build, 'src/main/java/thump')
  mkdirSync(sources, { recursive: true })
  cpSync(join(import.meta.dirname, 'SecurityAnalysis.java'), join(sources, 'SecurityAnalysis.java'))
  writeFileSync(join(build, 'pom.xml'), pom(join(home, 'lib')))
  await maven('-f', join(build, 'pom.xml'), 'compiler:compile', 'jar:jar')
  const plugin = join(home, 'plugins', pluginName)
  mkdirSync(plugin, { recursive: true })
  cpSync(join(build, `target/${pluginName}-1.jar`), join(plugin, `${pluginName}.jar`))
  const descriptor = {
    name: pluginName,
    description: 'Analysis for the index of roles and API keys',
    version,
    'elasticsearch.version': version,
    'java.version': '17',
    classname: 'thump.SecurityAnalysis',
  }
  const lines = Object.entries(descriptor).map(([key, value]) => `${key}=${value}\n`)
  writeFileSync(join(plugin, 'plugin-descriptor.properties'), lines.join(''))
}

/** Against the server's own libraries, by a compiler that needs no more than a runtime: few machines have a JDK. */
function pom(libraries: string): string {
  const dependency = (file: string) =>
    `<dependency><groupId>server</groupId><artifactId>${file}</artifactId><version>1</version><scope>system</scope><systemPath>${join(libraries, file)}</systemPath></dependency>`
  const dependencies = readdirSync(libraries).filter((file) => file.endsWith('.jar'))
  const compiler =
    '<plugin><artifactId>maven-compiler-plugin</artifactId><version>3.14.1</version><configuration><compilerId>eclipse</compilerId></configuration><dependencies><dependency><groupId>org.codehaus.plexus</groupId><artifactId>plexus-compiler-eclipse</artifactId><version>2.13.0</version></dependency></dependencies></plugin>'
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
    `<groupId>thump</groupId><artifactId>${pluginName}</artifactId><version>1</version>`,
    '<properties><maven.compiler.release>17</maven.compiler.release><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>',
    `<dependencies>${dependencies.map(dependency).join('')}</dependencies><build><plugins>${compiler}</plugins></build></project>`,
  ].join('')
}
